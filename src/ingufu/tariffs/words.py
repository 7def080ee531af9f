"""What languages call the parts of a tariff: English, French, Kinyarwanda, Swahili."""

import msgspec


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What one language calls things. Names in braces are filled in."""

    locale: str
    energy: str
    time: str  # while charging; {price} is per minute or per hour
    idle: str
    flat: str
    per_minute: str
    per_hour: str
    reserved: str
    missed: str  # a reservation that nobody came for
    free: str
    free_time: str  # of idle time, before it costs
    included: str
    added: str
    least: str
    most: str
    varies: str
    otherwise: str
    from_kwh: str
    up_to_kwh: str
    from_power: str
    below_power: str
    from_current: str
    below_current: str
    first: str  # minutes of the session
    after: str
    from_date: str
    until_date: str


WORDS = {
    "en": Words(
        locale="en",
        energy="{price}/kWh",
        time="charging time {price}",
        idle="idle {price}",
        flat="{price} per session",
        per_minute="{price}/min",
        per_hour="{price}/h",
        reserved="reservation: {prices}",
        missed="missed reservation: {prices}",
        free="free",
        free_time="after {minutes} min",
        included="incl. {taxes}",
        added="plus {taxes}",
        least="at least {price}",
        most="at most {price}",
        varies="price varies with the time",
        otherwise="otherwise",
        from_kwh="from {n} kWh",
        up_to_kwh="up to {n} kWh",
        from_power="from {n} kW",
        below_power="below {n} kW",
        from_current="from {n} A",
        below_current="below {n} A",
        first="first {n} min",
        after="after {n} min",
        from_date="from {date}",
        until_date="until before {date}",
    ),
    "fr": Words(
        locale="fr",
        energy="{price}/kWh",
        time="temps de charge {price}",
        idle="stationnement sans charge {price}",
        flat="{price} par session",
        per_minute="{price}/min",
        per_hour="{price}/h",
        reserved="réservation : {prices}",
        missed="réservation non utilisée : {prices}",
        free="gratuit",
        free_time="après {minutes} min",
        included="{taxes} comprise",
        added="hors {taxes}",
        least="minimum {price}",
        most="maximum {price}",
        varies="prix variable selon l'heure",
        otherwise="sinon",
        from_kwh="à partir de {n} kWh",
        up_to_kwh="jusqu'à {n} kWh",
        from_power="à partir de {n} kW",
        below_power="moins de {n} kW",
        from_current="à partir de {n} A",
        below_current="moins de {n} A",
        first="{n} premières min",
        after="après {n} min",
        from_date="à partir du {date}",
        until_date="jusqu'au {date} exclu",
    ),
    "rw": Words(
        locale="rw",
        energy="{price} kuri kWh",
        time="igihe cyo gusharija {price}",
        idle="guparika utagisharija {price}",
        flat="{price} kuri buri nshuro",
        per_minute="{price} ku munota",
        per_hour="{price} ku isaha",
        reserved="kubika umwanya: {prices}",
        missed="umwanya wabitswe ntukoreshwe: {prices}",
        free="ku buntu",
        free_time="nyuma y'iminota {minutes}",
        included="{taxes} irimo",
        added="{taxes} itarimo",
        least="nibura {price}",
        most="ntibirenza {price}",
        varies="igiciro gihinduka bitewe n'isaha",
        otherwise="ibindi bihe",
        from_kwh="guhera kuri kWh {n}",
        up_to_kwh="kugeza kuri kWh {n}",
        from_power="guhera kuri kW {n}",
        below_power="munsi ya kW {n}",
        from_current="guhera kuri A {n}",
        below_current="munsi ya A {n}",
        first="iminota {n} ya mbere",
        after="nyuma y'iminota {n}",
        from_date="guhera ku wa {date}",
        until_date="mbere yo ku wa {date}",
    ),
    "sw": Words(
        locale="sw",
        energy="{price} kwa kWh",
        time="muda wa kuchaji {price}",
        idle="kuegesha bila kuchaji {price}",
        flat="{price} kwa kila kipindi",
        per_minute="{price} kwa dakika",
        per_hour="{price} kwa saa",
        reserved="kuhifadhi nafasi: {prices}",
        missed="nafasi iliyohifadhiwa bila kutumiwa: {prices}",
        free="bure",
        free_time="baada ya dakika {minutes}",
        included="pamoja na {taxes}",
        added="bila {taxes}",
        least="angalau {price}",
        most="isiyozidi {price}",
        varies="bei hubadilika kulingana na saa",
        otherwise="nyakati nyingine",
        from_kwh="kuanzia kWh {n}",
        up_to_kwh="hadi kWh {n}",
        from_power="kuanzia kW {n}",
        below_power="chini ya kW {n}",
        from_current="kuanzia A {n}",
        below_current="chini ya A {n}",
        first="dakika {n} za kwanza",
        after="baada ya dakika {n}",
        from_date="kuanzia {date}",
        until_date="kabla ya {date}",
    ),
}
TAX_NAMES = {"VAT": {"fr": "TVA", "rw": "TVA"}}  # as receipts there call it
DAYS = {  # short, as calendars write them
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "fr": ("lun", "mar", "mer", "jeu", "ven", "sam", "dim"),
    "rw": ("Mbe", "Kab", "Gtu", "Kan", "Gnu", "Gnd", "Cyu"),
    "sw": ("Jtt", "Jnn", "Jtn", "Alh", "Ijm", "Jms", "Jpl"),
}
