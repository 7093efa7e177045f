"""Requests of an attacker against WFS, WMS and the OGC API."""

from __future__ import annotations

BASE = {
    "SERVICE": "WFS",
    "VERSION": "2.0.0",
    "REQUEST": "GetFeature",
    "TYPENAMES": "newly_sealed",
    "COUNT": "3",
}
MAP = {"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "newly_sealed", "STYLES": "", "WIDTH": "20",
       "HEIGHT": "20", "CRS": "EPSG:3794", "BBOX": "460000,100000,460200,100200", "FORMAT": "image/png"}  # fmt: skip

STRINGS = (
    "'", "''", '"', "\\", "\\'", "';--", "' OR '1'='1", "x' OR 1=1 --", "') OR ('1'='1", "\\') OR 1=1 --",
    "x'; DROP VIEW publicly_public.newly_sealed; --", "x' UNION SELECT reviewer FROM publicly.review --",
    "x' AND 1=CAST((SELECT reviewer FROM publicly.review LIMIT 1) AS int) --",
    "' || (SELECT reason FROM publicly.review LIMIT 1) || '", "x' AND pg_sleep(20) IS NULL --",
    "$$x$$", "%27%20OR%201=1",
    "\u02bc OR 1=1", "\uff07 OR 1=1", "\x00", "\x1b", "%s%s%n", "${jndi:ldap://127.0.0.1/x}", "{{7*7}}", "A" * 9000,
    "../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/x",
    "CANARY", "1e999", "-1", "NaN",
    "99999999999999999999", "0x41", "1;SELECT 1", "sealwatch:polygon", "publicly.review", "pg_shadow", "%release%",
)  # fmt: skip
"""Texts that are put wherever a value can stand."""

KEYS = (
    "TYPENAMES", "PROPERTYNAME", "BBOX", "SRSNAME", "STARTINDEX", "COUNT", "SORTBY",
    "RESOURCEID", "FILTER", "VERSION", "OUTPUTFORMAT", "RESULTTYPE", "VALUEREFERENCE", "STOREDQUERY_ID",
    "RELEASE", "NAMESPACES", "SERVICE", "REQUEST", "LANGUAGE", "CQL_FILTER", "EXCEPTIONS",
)  # fmt: skip
MAP_KEYS = (
    "LAYERS",
    "STYLES",
    "CRS",
    "BBOX",
    "WIDTH",
    "FORMAT",
    "TIME",
    "TRANSPARENT",
    "BGCOLOR",
    "QUERY_LAYERS",
    "FILTER",
)

FORBIDDEN = (
    {"MAP": "/etc/passwd"}, {"map": "/tmp/x.map"}, {"CONTEXT": "http://127.0.0.1:1/c.xml"}, {"mode": "map"},
    {"SLD": "http://127.0.0.1:1/s.xml"}, {"SLD_BODY": "<StyledLayerDescriptor/>"}, {"map.layer[0].data": "x"},
    {"map_layer_newly_sealed_data": "geom FROM publicly.polygon"}, {"qstring": "1=1"}, {"CONFIG": "/etc/passwd"},
)  # fmt: skip

ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{}',
    '<?xml version="1.0"?><!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">{}',
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>{}",
    '<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-{}',
)
_POST = (
    '<wfs:GetFeature xmlns:wfs="http://www.opengis.net/wfs/2.0" service="WFS" version="2.0.0" count="3">'
    "{}</wfs:GetFeature>"
)
_QUERY = '<wfs:Query typeNames="newly_sealed">{}</wfs:Query>'


def fes(value: str, name: str = "polygon_id", operator: str = "PropertyIsEqualTo") -> str:
    """A filter of one comparison, its value escaped as XML."""
    clean = "".join(c for c in value if c >= " ").replace("&", "&amp;").replace("<", "&lt;")
    more = ' wildCard="*" singleChar="." escapeChar="!"' if operator == "PropertyIsLike" else ""
    return (
        f'<fes:Filter xmlns:fes="http://www.opengis.net/fes/2.0"><fes:{operator}{more}><fes:ValueReference>{name}'
        f"</fes:ValueReference><fes:Literal>{clean}</fes:Literal></fes:{operator}></fes:Filter>"
    )


def get_requests() -> list[dict[str, str]]:
    """Parameters of GET requests below /ows."""
    found = [BASE | {key: text} for n, key in enumerate(KEYS) for text in STRINGS[n % 2 :: 1 if n < 9 else 2]]
    found += [MAP | {key: text} for n, key in enumerate(MAP_KEYS) for text in STRINGS[n % 3 :: 3]]
    found += [
        BASE | {"FILTER": fes(text, operator=o)}
        for text in STRINGS
        for o in ("PropertyIsEqualTo", "PropertyIsLike")
    ]
    found += [BASE | {"FILTER": fes("1", name=text)} for text in STRINGS if "<" not in text]
    found += [
        BASE | {"FILTER": fes(text, name)} for text in STRINGS for name in ("area_m2", "vhr_date", "release")
    ]
    found += [BASE | {"FILTER": text.format(fes("1"))} for text in ENTITIES]
    found += [(BASE if n % 2 else MAP) | extra for n, extra in enumerate(FORBIDDEN * 2)]
    tables = (
        "polygon",
        "review",
        "standing",
        "release_polygon",
        "spatial_ref_sys",
        "releases",
        "newly_sealed_99",
    )
    found += [BASE | {"TYPENAMES": table} for table in tables] + [MAP | {"LAYERS": table} for table in tables]
    return found


def post_bodies() -> list[str]:
    """Bodies of POST requests below /ows."""
    found = [_POST.format(_QUERY.format(fes(text))) for text in STRINGS[::3]]
    found += [text.format(_POST.format(_QUERY.format(""))) for text in ENTITIES]
    deep = "<fes:Not>" * 3000 + "</fes:Not>" * 3000
    filtered = f'<fes:Filter xmlns:fes="http://www.opengis.net/fes/2.0">{deep}</fes:Filter>'
    found += [_POST.format(_QUERY.format(filtered)), "<", "<a>", "\x00", _POST, "x=" + "y" * 200_000]
    return found


def ogc_paths() -> list[str]:
    """Paths with queries below /ogc."""
    from urllib.parse import quote

    items = "/collections/newly_sealed/items?limit=2&"
    keys = ("filter", "sortby", "bbox", "datetime", "properties", "ids", "simplify", "geom-column", "datetime-column",
            "area_m2", "release", "polygon_id", "limit", "f", "filter-lang")  # fmt: skip
    found = [
        f"{items}{key}={quote(text)}"
        for n, key in enumerate(keys)
        for text in STRINGS[n % 3 :: 1 if n < 3 else 3]
    ]
    filters = ("pg_sleep(20) = 1", "pg_read_file('/etc/passwd') = 'x'", "current_setting('data_directory') LIKE '%'",
               "query_to_xml('select 1',true,true,'') = 'x'", "version() = 'x'", "\"geom\" = 1",
               "reviewer = 'x'")  # fmt: skip
    filters += tuple(text * (7_000 // len(text)) for text in ("(", "NOT ", "-", "a IN (", "a=1 AND "))
    found += [f"{items}filter={quote(text, safe='(')}" for text in filters]
    found += [f"/collections/{quote(text, safe='')}/items" for text in STRINGS if len(text) < 2000]
    found += [
        f"/collections/newly_sealed/items/{quote(text, safe='')}" for text in STRINGS if len(text) < 2000
    ]
    found += [f"/collections/{table}/items" for table in ("publicly.review", "polygon", "standing", "review")]
    return [
        *found,
        "/../ows",
        "/docs",
        "/refresh",
        "/rawcatalog",
        "//etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ]
