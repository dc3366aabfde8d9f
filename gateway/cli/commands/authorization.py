"""``gateway authorization``: what a portal, fax or call told of one."""

from typing import Annotated, Optional

import typer

from gateway.cli.commands.opening import Clinic, Config, Discipline, Json, Of, Ref, opened

app = typer.Typer(
    help="What a portal, fax or call told of an authorization: add it, correct its count, move what is left.",
    no_args_is_help=True,
)

Channel = Annotated[str, typer.Option(help="How the payer's word came: portal, fax, phone, mail, fhir, person.")]
Seen = Annotated[str, typer.Option("--seen", help="The day of it, YYYY-MM-DD.")]
Evidence = Annotated[str, typer.Option(help="The number of the call, fax or page.")]


@app.command("add")
def authorization_add(
    ref: Ref,
    number: Annotated[str, typer.Option(help="The certification number.")],
    decided: Annotated[str, typer.Option(help="The day of the decision.")],
    start: Annotated[str, typer.Option("--from", help="The window's first day.")],
    end: Annotated[str, typer.Option("--to", help="The window's last day.")],
    channel: Channel,
    seen: Seen,
    visits: Annotated[Optional[int], typer.Option(help="Visits certified.")] = None,  # noqa: UP045
    units: Annotated[Optional[int], typer.Option(help="15-minute units certified.")] = None,  # noqa: UP045
    used: Annotated[int, typer.Option(help="What of it was used before you came.")] = 0,
    used_until: Annotated[str, typer.Option(help="Until when the used ones were counted.")] = "",
    discipline: Discipline = "",
    payer: Annotated[str, typer.Option(help="The payer's id; the patient is asked for.")] = "",
    request: Annotated[str, typer.Option(help="Your own number of the request that it answers.")] = "",
    reference: Evidence = "",
    clinic: Clinic = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Enter an authorization that the payer gave by portal, fax or phone."""
    from gateway.cli import telling

    with opened(config) as house:
        record = telling.common(house, "certification", ref, clinic)
        record |= {"number": number, "decided_on": decided, "starts_on": start, "ends_on": end, "request_ref": request}
        record |= {"used_before": used or None, "used_until": used_until, "visits": visits, "units": units}
        record |= {"discipline": discipline, "payer": payer, "patient": {} if request else telling.patient()}
        record["evidence"] = telling.evidence(channel, seen, reference)
        raise typer.Exit(telling.tell(house, record, as_json=as_json))


@app.command("informed")
def authorization_informed(
    of: Annotated[str, typer.Argument(help="Your own number of the pended request.")],
    channel: Channel,
    clinic: Clinic = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Note that what the payer asked for was sent beside the 278: it decides again, and its clock runs on."""
    from gateway.cli.informing import informed

    with opened(config) as house:
        raise typer.Exit(informed(house, of, channel, clinic, as_json=as_json))


@app.command("correct")
def authorization_correct(
    ref: Ref,
    of: Of,
    channel: Channel,
    seen: Seen,
    total: Annotated[Optional[int], typer.Option(help="What the payer certified in all.")] = None,  # noqa: UP045
    remaining: Annotated[Optional[int], typer.Option(help="What the payer says is left.")] = None,  # noqa: UP045
    end: Annotated[str, typer.Option("--to", help="The window's new last day.")] = "",
    discipline: Discipline = "",
    reference: Evidence = "",
    clinic: Clinic = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Take the payer's count over, up or down, or a window's new end."""
    from gateway.cli import telling

    with opened(config) as house:
        record = telling.common(house, "correction", ref, clinic)
        record |= {"authorization_ref": of, "total": total, "remaining": remaining, "ends_on": end}
        record |= {"discipline": discipline, "evidence": telling.evidence(channel, seen, reference)}
        raise typer.Exit(telling.tell(house, record, as_json=as_json))


@app.command("transfer")
def authorization_transfer(
    ref: Ref,
    of: Of,
    to: Annotated[str, typer.Option(help="Your own number of the authorization that it goes to.")],
    reason: Annotated[str, typer.Option(help="plan_change or continuity.")],
    channel: Channel,
    seen: Seen,
    amount: Annotated[Optional[int], typer.Option(help="How much; else all that is free.")] = None,  # noqa: UP045
    discipline: Discipline = "",
    reference: Evidence = "",
    clinic: Clinic = "",
    as_json: Json = False,
    config: Config = None,
) -> None:
    """Move what is left of an authorization to another of the same patient."""
    from gateway.cli import telling

    with opened(config) as house:
        record = telling.common(house, "transfer", ref, clinic)
        record |= {"authorization_ref": of, "to_ref": to, "reason": reason, "amount": amount}
        record |= {"discipline": discipline, "evidence": telling.evidence(channel, seen, reference)}
        raise typer.Exit(telling.tell(house, record, as_json=as_json))
