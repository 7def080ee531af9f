"""What holds at a place: rules of the network, its sites and stations, and what a station is like."""

from collections.abc import Mapping

import msgspec

from ingufu.authorization import rules
from ingufu.authorization.events import AdmissionChanged
from ingufu.authorization.model import Admission, AdmissionRule, Place, RuleScope
from ingufu.authorization.store import lists as store
from ingufu.core.clock import Clock
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.infra.storage.database import Database, Work
from ingufu.sites.service import Sites
from ingufu.stations.service import Stations

GROUPS_MAX = 200


class Admitting:
    """Reads and changes the rules of admission."""

    def __init__(self, database: Database, clock: Clock, stations: Stations, sites: Sites) -> None:
        self._database = database
        self._clock = clock
        self._stations = stations
        self._sites = sites

    async def place(self, station_id: str) -> Place | None:
        """Return what matters of a station for limited tokens; None if there is no such station."""
        try:
            station = await self._stations.get(station_id)
            zone = "UTC" if station.site_id is None else (await self._sites.get(station.site_id)).time_zone
        except NotFound:
            return None
        topology = await self._stations.topology(station_id)
        evses = tuple((evse.number, frozenset(one.kind for one in plugs if one.kind)) for evse, plugs in topology)
        return Place(station_id=station_id, site_id=station.site_id, zone=zone, evses=evses)

    async def admission(self, station_id: str) -> Admission:
        """Return what holds at a station in the end."""
        try:
            site_id = (await self._stations.get(station_id)).site_id
        except NotFound:
            site_id = None
        known = await store.find_rules_of(self._database, station_id, site_id)
        return rules.resolve({(rule.scope, rule.scope_id): rule for rule in known}, station_id, site_id)

    async def rules(self) -> Mapping[tuple[RuleScope, str], AdmissionRule]:
        """Return every rule by its scope and what it is for."""
        return {(rule.scope, rule.scope_id): rule for rule in await store.find_rules(self._database)}

    async def rule(self, scope: RuleScope, scope_id: str = "") -> AdmissionRule:
        """Return the rule of a scope; one that says nothing if none was entered."""
        known = (await self.rules()).get((scope, scope_id))
        return known or AdmissionRule(scope=scope, scope_id=scope_id)

    async def set_rule(self, work: Work, rule: AdmissionRule) -> AdmissionRule:
        """Have a rule be as given. Raises InvalidInput, NotFound."""
        if rule.scope is RuleScope.STATION:
            await self._stations.get(rule.scope_id)
        elif rule.scope is RuleScope.SITE:
            await self._sites.get(rule.scope_id)
        elif rule.scope_id:
            rule = msgspec.structs.replace(rule, scope_id="")
        if len(rule.list_groups) > GROUPS_MAX:
            raise InvalidInput(f"At most {GROUPS_MAX} groups can be named.", field="list_groups")
        for group_id in rule.list_groups:
            if not await store.has_group(self._database, group_id):
                raise InvalidInput("There is no such group.", field="list_groups")
        store.save_rule(work, rule)
        work.emit(
            AdmissionChanged(
                occurred_at=self._clock.now(),
                station_id=rule.scope_id if rule.scope is RuleScope.STATION else None,
                scope=rule.scope.value,
                scope_id=rule.scope_id,
            )
        )
        return rule
