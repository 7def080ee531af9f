"""How rules of admission add up: the station's own over its site's over the network's. Pure."""

from collections.abc import Mapping

from ingufu.authorization.model import Admission, AdmissionRule, ListMode, RuleScope


def resolve(known: Mapping[tuple[RuleScope, str], AdmissionRule], station_id: str, site_id: str | None) -> Admission:
    """Return what holds at a station: for each field the narrowest rule that says anything."""
    places = ((RuleScope.STATION, station_id), (RuleScope.SITE, site_id or ""), (RuleScope.NETWORK, ""))
    chain = [known[place] for place in places if place in known]
    free = next((rule.allows_free for rule in chain if rule.allows_free is not None), True)
    listing = next((rule for rule in chain if rule.list_mode is not None), None)
    if listing is None or listing.list_mode is None:
        return Admission(allows_free=free)
    groups = listing.list_groups if listing.list_mode is ListMode.GROUPS else ()
    return Admission(allows_free=free, list_mode=listing.list_mode, list_groups=groups)
