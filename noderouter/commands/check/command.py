"""Which checks there are, in which order, and the exit code: 0 where nothing failed, 1 where something did.

Each line can be had whatever the others say, apart from this: a configuration that is not valid needs nothing, and of
an API that cannot be reached nothing can be asked.
"""

import argparse
import json
from collections.abc import Iterator

from dtab import Path
from noderouter.commands.check.config_maps import check_config_map
from noderouter.commands.check.environment import check_variables, check_versions
from noderouter.commands.check.finding import Finding, fail, failed, ok
from noderouter.commands.check.intercept import check_intercept
from noderouter.commands.check.kubernetes import check_server
from noderouter.commands.check.plan import Needs, Place, Plan, plan_of
from noderouter.commands.check.policies import check_policies
from noderouter.commands.check.ports import check_descriptors, check_ports
from noderouter.commands.check.rights import check_rights
from noderouter.commands.check.tls import check_tls
from noderouter.commands.check.tokens import check_tokens
from noderouter.config.config import Config
from noderouter.config.validate import load
from noderouter.kubernetes.access import Access, of_people, own_namespace
from noderouter.kubernetes.api import Api, run_once
from noderouter.schema.problem import ConfigError


def run(options: argparse.Namespace) -> int:
    """Run the checks and print the findings; return the exit code."""
    findings = []
    for finding in check(options):
        findings.append(finding)
        if not options.json:
            print(finding, flush=True)
    if options.json:
        print(json.dumps({"failed": failed(findings), "findings": [each.json for each in findings]}, indent=2))
    return int(failed(findings))


def check(options: argparse.Namespace) -> Iterator[Finding]:
    """Yield every finding, as soon as it is known."""
    yield from check_versions()
    yield from check_descriptors()
    access = _given(options)
    place = Place(access, options.namespace)
    plan = Plan()
    config = None
    if options.config:
        try:
            config = load(options.config)
        except ConfigError as error:
            for problem in error.problems:
                hint = f"did you mean {problem.hint}?" if problem.hint else "see docs/configuration.md"
                yield fail("configuration", problem.show(error.name).partition(" (did you mean")[0], hint)
        else:
            yield ok("configuration", f"{options.config} is valid")
            yield from check_ports(config)
            yield from check_intercept(config)
            yield from check_tls(config)
            yield from check_tokens(config)
            plan = plan_of(config, place)
    else:
        plan.apis[access or of_people(None, None)] = Needs()
        if options.service_account:
            yield fail(
                "rights", f"those of {options.service_account} are not checked: what is needed follows from the "
                "configuration", "give CONFIG as well"
            )  # fmt: skip
    yield from check_variables(plan.variables)
    for each, needs in plan.apis.items():
        yield from check_api(each, needs, _namers(config), _account(options))


def check_api(access: Access, needs: Needs, namers: list[Path], account: tuple[str, str] | None) -> list[Finding]:
    """Return the findings about one API."""

    async def ask(api: Api) -> list[Finding]:
        lines = [await check_server(api)]
        if failed(lines):
            return lines
        lines += [line async for line in check_rights(api, needs.rights, account)]
        lines += [await check_config_map(api, key, namers) for key in needs.config_maps]
        for namespace, name in needs.policies:
            lines += await check_policies(api, namespace, name)
        return lines

    return run_once(access, ask)


def _given(options: argparse.Namespace) -> Access | None:
    """Return the API that the command line names."""
    return of_people(options.kubeconfig, options.context) if options.kubeconfig or options.context else None


def _account(options: argparse.Namespace) -> tuple[str, str] | None:
    if not options.service_account:
        return None
    return options.namespace or own_namespace("POD_NAMESPACE") or "default", options.service_account


def _namers(config: Config | None) -> list[Path]:
    return [] if config is None else [namer.full_prefix for namer in config.namers]
