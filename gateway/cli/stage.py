"""A stage of its own for demo and tests: a folder, a simulated payer and a gateway, each in a process of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from gateway import resources
from gateway.errors import GatewayError
from gateway.transport.cms.making import make_identity

READY_S = 20.0
STOP_S = 20.0
US, THEM = "GATEWAY", "SIMPAYER"  # over AS2


class Stage:
    """The folder with its configuration, and the two processes that play on it.

    ``over`` is how documents travel between the two; ``as2`` holds more keys of the payer's table ``[as2]``, its faults
    among them, and ``as2_terms`` more of the gateway's file for it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 1,
        database: str = "",
        delay_scale: float = 1.0,
        over: Literal["sftp", "as2"] = "sftp",
        as2: Mapping[str, Any] | None = None,
        as2_terms: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.config = folder / "conf" / "gateway.toml"
        self.intake = folder / "intake"
        self._seed = seed
        self._database = database
        self._delay_scale = delay_scale
        self._over = over
        self._as2 = dict(as2 or {})
        self._as2_terms = dict(as2_terms or {})
        self.as2_port = 0  # Where the gateway listens; the payer is told before it does.
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def start_payer(self) -> Mapping[str, Any]:
        """Starts the simulated payer; what it says of its mailbox: port, host key, user, password file."""
        home = self.folder / "payer"
        home.mkdir(parents=True, exist_ok=True)
        config = ["--config", str(self.agree())] if self._over == "as2" else []
        with (self.folder / "payer.log").open("a") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gateway.simulator",
                    "--folder",
                    str(home),
                    "--seed",
                    str(self._seed),
                    "--delay-scale",
                    str(self._delay_scale),
                    *config,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._processes["payer"] = process
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise GatewayError("the simulated payer did not start", where=str(self.folder / "payer.log"), fix="Read it")
        said: Mapping[str, Any] = json.loads(line)
        return said

    def agree(self) -> Path:
        """Makes the gateway's key, and tells the payer of its certificate and of where it will listen."""
        keys, agreement = self.folder / "conf" / "keys", self.folder / "payer.toml"
        if not agreement.exists():
            keys.mkdir(parents=True, exist_ok=True)
            certificate, key = make_identity(US, at=datetime.now(UTC), days=30)
            (keys / "us.pem").write_text(certificate)
            (keys / "us.key").touch(0o600)
            (keys / "us.key").write_text(key)
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.as2_port = int(free.getsockname()[1])
            faults = self._as2.pop("faults", {})
            table = {"name": THEM, "partner": US, "partner_certificates": [str(keys / "us.pem")], "url": self._url}
            text = f"[as2]\n{_toml({**table, **self._as2})}\n[as2.faults]\n{_toml(faults)}"
            agreement.write_text(text)
        return agreement

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.as2_port}/as2"

    def configure(self, payer: Mapping[str, Any], *, poll_every_s: float = 0.3, **work: Any) -> Path:
        """Writes the configuration: the shipped organisations and partner, behind the payer's real server."""
        (self.folder / "conf").mkdir(parents=True, exist_ok=True)
        partners = self.folder / "trading_partners"
        partners.mkdir(exist_ok=True)
        self.intake.mkdir(exist_ok=True)
        shipped = (resources.folder("conf") / "gateway.toml").read_text()
        organisations = shipped[shipped.index("[[organisations]]") :]
        options = {"threads": 3, "lease_s": 30, "poll_s": 0.05, **work}
        database = ""
        if self._database:
            secret = self.folder / "conf" / "database-url"
            secret.write_text(f"{self._database}\n")
            secret.chmod(0o600)
            database = 'database = "file:database-url"\n'
        as2 = self._as2_tables() if self._over == "as2" else ""
        self.config.write_text(
            f'node = "stage"\ndata = "../var"\npartners = "../trading_partners"\n{database}\n'
            f'[intake]\nfolder = "../intake"\nevery_s = 0.2\n\n'
            f'[work]\n{_toml(options)}\n[log]\nlevel = "info"\njson = true\n\n{as2}{organisations}'
        )
        ours = resources.folder("trading_partners")
        shutil.copytree(ours / "payers", partners / "payers", dirs_exist_ok=True)
        shipped = (ours / "simulated.toml").read_text()
        before, _, after = shipped.partition("[transport]")
        after = after[after.index("[expectations]") :]
        expected = after[after.index("[[payers]]") :]
        (partners / "simulated.toml").write_text(
            f"{before}[transport]\n{_toml(self._transport(payer))}\n"
            f"[schedule]\npoll_every_s = {poll_every_s}\n\n"
            f'[expectations]\n999 = "20s"\n277ca = "20s"\n278 = "3s"\n835 = "3s"\n\n'
            f'[acknowledge]\nta1 = "always"\n999 = "always"\n\n{expected}'
        )
        return self.config

    def _as2_tables(self) -> str:
        own = {"name": US}
        keys = {"certificate": "file:keys/us.pem", "key": "file:keys/us.key"}
        listening = {"listen": "127.0.0.1", "port": self.as2_port, "url": self._url}
        return f"[as2]\n{_toml(listening)}\n[[as2.identities]]\n{_toml(own)}\n[[as2.identities.keys]]\n{_toml(keys)}\n"

    def _transport(self, payer: Mapping[str, Any]) -> dict[str, Any]:
        if self._over == "as2":
            theirs = [f"file:{payer['as2_certificate']}"]
            return {
                "kind": "as2",
                "url": payer["as2_url"],
                "us": US,
                "them": THEM,
                "signing_certificates": theirs,
                "encryption_certificates": theirs,
                **self._as2_terms,
            }
        return {
            "kind": "sftp",
            "host": "127.0.0.1",
            "port": payer["port"],
            "username": payer["username"],
            "password": f"file:{payer['password_file']}",
            "inbox": "outbound",
            "outbox": "inbound",
            "host_keys": [payer["host_key"]],
        }

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "GATEWAY_CONFIG": str(self.config)}

    def upgrade(self) -> None:
        """Makes the database."""
        self._gateway("db", "upgrade")

    def _gateway(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "gateway", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise GatewayError(f"gateway {' '.join(arguments)} failed: {done.stderr.strip()}", where=str(self.folder))

    def start_gateway(self) -> "subprocess.Popen[str]":
        """Starts ``gateway serve`` and waits until it says that it is ready."""
        with (self.folder / "gateway.log").open("a") as log:
            before = log.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve"], env=self.environment, stderr=log, text=True
            )
        self._processes["gateway"] = process
        self._wait_ready(process, before)
        return process

    def _wait_ready(self, process: "subprocess.Popen[str]", before: int) -> None:
        import time

        until = time.monotonic() + READY_S
        while time.monotonic() < until and process.poll() is None:
            with (self.folder / "gateway.log").open() as log:
                log.seek(before)
                if "gateway.ready" in log.read():
                    return
            time.sleep(0.02)
        raise GatewayError("the gateway did not start", where=str(self.folder / "gateway.log"), fix="Read it")

    def kill_gateway(self) -> None:
        """SIGKILL: no goodbye."""
        process = self._processes.pop("gateway")
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Stops both, the gateway first, each by SIGTERM."""
        for name in ("gateway", "payer"):
            process = self._processes.pop(name, None)
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _toml(values: Mapping[str, Any]) -> str:
    """Flat TOML; JSON's strings and numbers are TOML's."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


@contextmanager
def playing(stage: Stage) -> Iterator[Stage]:
    """Payer and gateway running, and stopped at the end whatever happens."""
    try:
        payer = stage.start_payer()
        stage.configure(payer)
        stage.upgrade()
        stage.start_gateway()
        yield stage
    finally:
        stage.stop()
