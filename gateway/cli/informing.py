"""``authorization informed``: what a payer asked for was sent by fax, portal or mail, beside the 278."""

from gateway.cli.output import emit
from gateway.cli.telling import common
from gateway.domain.instruction import Channel
from gateway.errors import GatewayError
from gateway.flow import changes
from gateway.flow.house import House


def informed(house: House, ref: str, channel: str, clinic: str, *, as_json: bool) -> int:
    """Notes it, so that the request is pended again and the payer's clock runs on."""
    if channel not in tuple(Channel):
        raise GatewayError("nobody knows this channel", where="--channel", fix=f"Write one of {', '.join(Channel)}")
    owner = common(house, "authorization", ref, clinic)
    with house.store.transaction(house.everything()) as tx:
        stored = tx.authorizations.by_client_ref(owner["organisation"], owner["clinic"], ref)
        if stored is None or not changes.inform(tx, stored.id, channel):
            raise GatewayError(
                "no request of this number waits for information", where="OF", fix="Look it up with: gateway trace OF"
            )
        content = {"subject": stored.id, "channel": channel}
        tx.inputs.add(kind="command", name="information_sent", holds_on=tx.now.date(), content=content)
    emit({"authorization": stored.id, "state": "pended"}, f"pended  {stored.id}", as_json=as_json)
    return 0
