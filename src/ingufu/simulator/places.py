"""The sites, drivers and names of a simulated network. All are invented; the coordinates lie in the cities."""

import msgspec

from ingufu.simulator.demand import Place


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A place with stations."""

    code: str  # begins the identities of its stations
    name: str
    address: str
    city: str
    country: str  # ISO 3166-1 alpha-2
    latitude: float
    longitude: float
    time_zone: str
    place: Place
    currency: str


def _site(code: str, name: str, address: str, city: str, latitude: float, longitude: float, place: Place) -> Site:
    country, time_zone, currency = _CITIES[city]
    return Site(
        code=code,
        name=name,
        address=address,
        city=city,
        country=country,
        latitude=latitude,
        longitude=longitude,
        time_zone=time_zone,
        place=place,
        currency=currency,
    )


_CITIES = {
    "Kigali": ("RW", "Africa/Kigali", "RWF"),
    "Nairobi": ("KE", "Africa/Nairobi", "KES"),
    "Lyon": ("FR", "Europe/Paris", "EUR"),
    "Austin": ("US", "America/Chicago", "USD"),
}

SITES: tuple[Site, ...] = (
    _site("KGL-KIM", "Kimihurura Plaza", "KG 28 Avenue", "Kigali", -1.9536, 30.0930, Place.MALL),
    _site("LYS-GER", "Gerland Ateliers", "Rue des Cordiers 14", "Lyon", 45.7296, 4.8290, Place.WORKPLACE),
    _site("NBO-WES", "Westlands Arcade", "Mwanzi Lane", "Nairobi", -1.2648, 36.8045, Place.MALL),
    _site("AUS-SCO", "South Congress Garage", "Academy Drive 210", "Austin", 30.2500, -97.7490, Place.STREET),
    _site("KGL-NYA", "Nyabugogo Moto Depot", "KN 1 Road", "Kigali", -1.9393, 30.0446, Place.DEPOT),
    _site("LYS-LIM", "Aire de Limonest", "Autoroute A6, km 446", "Lyon", 45.8337, 4.7710, Place.HIGHWAY),
    _site("NBO-MBR", "Athi Services", "Mombasa Road, km 22", "Nairobi", -1.3920, 36.9385, Place.HIGHWAY),
    _site("AUS-MUE", "Mueller Market", "Aldrich Street 1900", "Austin", 30.2985, -97.7045, Place.MALL),
    _site("LYS-CRX", "Croix-Rousse", "Place des Tisserands", "Lyon", 45.7745, 4.8310, Place.STREET),
    _site("KGL-REM", "Remera Offices", "KG 11 Avenue", "Kigali", -1.9560, 30.1120, Place.WORKPLACE),
    _site("AUS-I35", "Onion Creek Travel Plaza", "Interstate 35, exit 226", "Austin", 30.1420, -97.7890, Place.HIGHWAY),
    _site("NBO-KAR", "Karen Gardens", "Dagoretti Road", "Nairobi", -1.3190, 36.7070, Place.STREET),
)

FIRST_NAMES: dict[str, tuple[str, ...]] = {
    "Kigali": ("Alice", "Eric", "Diane", "Patrick", "Claudine", "Olivier", "Solange", "Innocent", "Grace", "Thierry"),
    "Nairobi": ("Wanjiru", "Brian", "Achieng", "Kevin", "Njeri", "Otieno", "Faith", "Mwangi", "Mercy", "Kiprono"),
    "Lyon": ("Camille", "Hugo", "Léa", "Mehdi", "Chloé", "Antoine", "Inès", "Julien", "Manon", "Samir"),
    "Austin": ("Emily", "Jorge", "Hannah", "Tyler", "Priya", "Mateo", "Grace", "Wyatt", "Linh", "Marcus"),
}
LAST_NAMES: dict[str, tuple[str, ...]] = {
    "Kigali": ("Uwimana", "Habimana", "Mukamana", "Niyonzima", "Ingabire", "Nshimiyimana", "Uwase", "Mugisha"),
    "Nairobi": ("Kamau", "Odhiambo", "Wambui", "Mutua", "Kariuki", "Chebet", "Omondi", "Njoroge"),
    "Lyon": ("Martin", "Bernard", "Benali", "Moreau", "Girard", "Perrin", "Faure", "Rousset"),
    "Austin": ("Garcia", "Miller", "Nguyen", "Walker", "Patel", "Hernandez", "Brooks", "Sullivan"),
}
FLEETS: dict[str, str] = {
    "Kigali": "Moto Umuyaga",
    "Nairobi": "Savanna Couriers",
    "Lyon": "Livraisons Rhône",
    "Austin": "Bluebonnet Rides",
}
