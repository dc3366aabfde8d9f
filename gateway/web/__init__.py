"""What speaks HTTP to the outside. It stores bytes and enqueues; workers act at their own pace. Never blocks."""
