"""ISO 19139 metadata of a release, with the elements that INSPIRE asks of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from pyproj import CRS

from ..keys import half_span

if TYPE_CHECKING:
    import geopandas as gpd

_CODES = "http://standards.iso.org/iso/19139/resources/gmxCodelists.xml"
_INSPIRE = "http://inspire.ec.europa.eu/metadata-codelist"
_REGULATION = (
    "Commission Regulation (EU) No 1089/2010 of 23 November 2010 implementing Directive 2007/2/EC of the European "
    "Parliament and of the Council as regards interoperability of spatial data sets and services"
)


@dataclass(frozen=True, slots=True)
class About:
    """What a release says about itself."""

    number: int
    before: int
    """The release before, 0 for none."""
    created: str
    """Day it was made, ISO 8601, UTC."""
    dataset: str
    """Identifier of the dataset that all releases belong to."""
    title: str
    abstract: str
    contact: dict[str, str] | None
    """`organisation` and `email`."""
    licence: str | None
    registries: Sequence[str]

    @property
    def identity(self) -> str:
        """Identifier of the release."""
        return f"{self.dataset}-{self.number}"


def lineage(frame: gpd.GeoDataFrame, registries: Sequence[str]) -> str:
    """How the polygons came about, with the counts that the database knows of this release."""
    if frame.empty:
        return "The release holds no polygon: none is accepted."
    flights = frame[["sheet", "vhr_date"]].drop_duplicates()
    earlier = frame.loc[frame["vhr_date_before"] != "", ["sheet", "vhr_date_before"]].drop_duplicates()
    measured = f" Distance and overlap were measured against: {', '.join(registries)}." if registries else ""
    return (
        f"{frame['event_id'].nunique()} changes to impervious land were confirmed in half-yearly composites of "
        f"Sentinel-2 (changes of {frame['period_of_change'].min()} to {frame['period_of_change'].max()}, confirmed "
        f"until {frame['period_confirmed'].max()}) and outlined on {len(flights)} orthophotos of "
        f"{frame['sheet'].nunique()} sheets, flown {frame['vhr_date'].min()} to {frame['vhr_date'].max()}, compared "
        f"with {len(earlier)} earlier ones. {len(frame)} polygons of {frame['area_m2'].sum() / 1e4:.2f} ha were "
        f"accepted by reviewers.{measured}"
    )


def metadata_xml(about: About, frame: gpd.GeoDataFrame, bbox: Sequence[float]) -> str:
    """Text of metadata.xml.

    Args:
        about: what the release says about itself.
        frame: its polygons.
        bbox: west, south, east, north in degrees.
    """
    crs: Any = frame.crs
    start, end = time_span(about, frame)
    west, south, east, north = (f"{value:.6f}" for value in bbox)
    previous = "" if not about.before else f"""
      <gmd:aggregationInfo><gmd:MD_AggregateInformation>
        <gmd:aggregateDataSetIdentifier><gmd:MD_Identifier>
          <gmd:code>{_text(f"{about.dataset}-{about.before}")}</gmd:code>
        </gmd:MD_Identifier></gmd:aggregateDataSetIdentifier>
        <gmd:associationType>{_code("DS_AssociationTypeCode", "revisionOf")}</gmd:associationType>
      </gmd:MD_AggregateInformation></gmd:aggregationInfo>"""  # fmt: skip
    use = _text(about.licence) if about.licence else _anchor(
        f"{_INSPIRE}/ConditionsApplyingToAccessAndUse/conditionsUnknown", "conditions unknown")  # fmt: skip
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<gmd:MD_Metadata xmlns:gmd="http://www.isotc211.org/2005/gmd" xmlns:gco="http://www.isotc211.org/2005/gco" \
xmlns:gmx="http://www.isotc211.org/2005/gmx" xmlns:gml="http://www.opengis.net/gml/3.2" \
xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://www.isotc211.org/2005/gmd http://schemas.opengis.net/iso/19139/20070417/gmd/gmd.xsd \
http://www.isotc211.org/2005/gmx http://schemas.opengis.net/iso/19139/20070417/gmx/gmx.xsd">
  <gmd:fileIdentifier>{_text(about.identity)}</gmd:fileIdentifier>
  <gmd:language>{_language()}</gmd:language>
  <gmd:characterSet>{_code("MD_CharacterSetCode", "utf8")}</gmd:characterSet>
  <gmd:parentIdentifier>{_text(about.dataset)}</gmd:parentIdentifier>
  <gmd:hierarchyLevel>{_code("MD_ScopeCode", "dataset")}</gmd:hierarchyLevel>
  {_contact("gmd:contact", about.contact)}
  <gmd:dateStamp><gco:Date>{about.created}</gco:Date></gmd:dateStamp>
  <gmd:metadataStandardName>{_text("ISO 19115")}</gmd:metadataStandardName>
  <gmd:metadataStandardVersion>{_text("2003/Cor.1:2006")}</gmd:metadataStandardVersion>
  <gmd:referenceSystemInfo><gmd:MD_ReferenceSystem><gmd:referenceSystemIdentifier><gmd:RS_Identifier>
    <gmd:code>{_anchor(f"http://www.opengis.net/def/crs/EPSG/0/{crs.to_epsg()}", f"EPSG:{crs.to_epsg()}")}</gmd:code>
  </gmd:RS_Identifier></gmd:referenceSystemIdentifier></gmd:MD_ReferenceSystem></gmd:referenceSystemInfo>
  <gmd:identificationInfo>
    <gmd:MD_DataIdentification>
      <gmd:citation><gmd:CI_Citation>
        <gmd:title>{_text(f"{about.title}, release {about.number}")}</gmd:title>
        {_date(about.created, "publication")}
        <gmd:edition>{_text(str(about.number))}</gmd:edition>
        <gmd:identifier><gmd:MD_Identifier><gmd:code>{_text(about.identity)}</gmd:code></gmd:MD_Identifier>\
</gmd:identifier>
      </gmd:CI_Citation></gmd:citation>
      <gmd:abstract>{_text(about.abstract)}</gmd:abstract>
      {_contact("gmd:pointOfContact", about.contact)}
      {_keywords(["Land cover"], "GEMET - INSPIRE themes, version 1.0", "2008-06-01")}
      {_keywords(["soil sealing", "land use change"], "GEMET - Concepts, version 4.2.3", "2021-12-06")}
      <gmd:resourceConstraints><gmd:MD_LegalConstraints>
        <gmd:accessConstraints>{_code("MD_RestrictionCode", "otherRestrictions")}</gmd:accessConstraints>
        <gmd:otherConstraints>{_anchor(f"{_INSPIRE}/LimitationsOnPublicAccess/noLimitations", "no limitations")}\
</gmd:otherConstraints>
      </gmd:MD_LegalConstraints></gmd:resourceConstraints>
      <gmd:resourceConstraints><gmd:MD_LegalConstraints>
        <gmd:useConstraints>{_code("MD_RestrictionCode", "otherRestrictions")}</gmd:useConstraints>
        <gmd:otherConstraints>{use}</gmd:otherConstraints>
      </gmd:MD_LegalConstraints></gmd:resourceConstraints>{previous}
      <gmd:spatialRepresentationType>{_code("MD_SpatialRepresentationTypeCode", "vector")}\
</gmd:spatialRepresentationType>
      <gmd:language>{_language()}</gmd:language>
      <gmd:characterSet>{_code("MD_CharacterSetCode", "utf8")}</gmd:characterSet>
      <gmd:topicCategory><gmd:MD_TopicCategoryCode>imageryBaseMapsEarthCover</gmd:MD_TopicCategoryCode></gmd:topicCategory>
      <gmd:extent><gmd:EX_Extent>
        <gmd:geographicElement><gmd:EX_GeographicBoundingBox>
          <gmd:westBoundLongitude><gco:Decimal>{west}</gco:Decimal></gmd:westBoundLongitude>
          <gmd:eastBoundLongitude><gco:Decimal>{east}</gco:Decimal></gmd:eastBoundLongitude>
          <gmd:southBoundLatitude><gco:Decimal>{south}</gco:Decimal></gmd:southBoundLatitude>
          <gmd:northBoundLatitude><gco:Decimal>{north}</gco:Decimal></gmd:northBoundLatitude>
        </gmd:EX_GeographicBoundingBox></gmd:geographicElement>
        <gmd:temporalElement><gmd:EX_TemporalExtent><gmd:extent><gml:TimePeriod gml:id="changes">
          <gml:beginPosition>{start}</gml:beginPosition><gml:endPosition>{end}</gml:endPosition>
        </gml:TimePeriod></gmd:extent></gmd:EX_TemporalExtent></gmd:temporalElement>
      </gmd:EX_Extent></gmd:extent>
    </gmd:MD_DataIdentification>
  </gmd:identificationInfo>
  <gmd:distributionInfo><gmd:MD_Distribution>
    {_format("GeoPackage", "1.2")}
    {_format("GeoParquet", "1.1.0")}
    {_format("Cloud Optimized GeoTIFF", "1.0")}
  </gmd:MD_Distribution></gmd:distributionInfo>
  <gmd:dataQualityInfo><gmd:DQ_DataQuality>
    <gmd:scope><gmd:DQ_Scope><gmd:level>{_code("MD_ScopeCode", "dataset")}</gmd:level></gmd:DQ_Scope></gmd:scope>
    <gmd:report><gmd:DQ_DomainConsistency><gmd:result><gmd:DQ_ConformanceResult>
      <gmd:specification><gmd:CI_Citation>
        <gmd:title>{_text(_REGULATION)}</gmd:title>
        {_date("2010-12-08", "publication")}
      </gmd:CI_Citation></gmd:specification>
      <gmd:explanation>{_text("Conformity has not been evaluated.")}</gmd:explanation>
      <gmd:pass gco:nilReason="unknown"/>
    </gmd:DQ_ConformanceResult></gmd:result></gmd:DQ_DomainConsistency></gmd:report>
    <gmd:lineage><gmd:LI_Lineage>
      <gmd:statement>{_text(lineage(frame, about.registries))}</gmd:statement>
    </gmd:LI_Lineage></gmd:lineage>
  </gmd:DQ_DataQuality></gmd:dataQualityInfo>
</gmd:MD_Metadata>
"""


def time_span(about: About, frame: gpd.GeoDataFrame) -> tuple[str, str]:
    """First and last day of all changes; the day of the release where there is none."""
    if frame.empty:
        return about.created, about.created
    return half_span(frame["period_of_change"].min())[0], half_span(frame["period_confirmed"].max())[1]


def degrees(bounds: Sequence[float], crs: Any) -> tuple[float, float, float, float]:
    """Bounding box of `bounds` in degrees: west, south, east, north."""
    from pyproj import Transformer

    west, south, east, north = bounds
    return Transformer.from_crs(CRS(crs), 4326, always_xy=True).transform_bounds(west, south, east, north)


def _text(value: str) -> str:
    return f"<gco:CharacterString>{escape(value)}</gco:CharacterString>"


def _anchor(address: str, text: str) -> str:
    return f"<gmx:Anchor xlink:href={quoteattr(address)}>{escape(text)}</gmx:Anchor>"


def _code(name: str, value: str) -> str:
    return f'<gmd:{name} codeList="{_CODES}#{name}" codeListValue="{value}">{value}</gmd:{name}>'


def _language() -> str:
    address = "http://www.loc.gov/standards/iso639-2/"
    return f'<gmd:LanguageCode codeList="{address}" codeListValue="eng">eng</gmd:LanguageCode>'


def _date(day: str, kind: str) -> str:
    code = _code("CI_DateTypeCode", kind)
    return (
        f"<gmd:date><gmd:CI_Date><gmd:date><gco:Date>{day}</gco:Date></gmd:date>"
        f"<gmd:dateType>{code}</gmd:dateType></gmd:CI_Date></gmd:date>"
    )


def _contact(element: str, contact: dict[str, str] | None) -> str:
    if contact is None:
        return f'<{element} gco:nilReason="missing"/>'
    return (
        f"<{element}><gmd:CI_ResponsibleParty>"
        f"<gmd:organisationName>{_text(contact['organisation'])}</gmd:organisationName>"
        "<gmd:contactInfo><gmd:CI_Contact><gmd:address><gmd:CI_Address>"
        f"<gmd:electronicMailAddress>{_text(contact['email'])}</gmd:electronicMailAddress>"
        "</gmd:CI_Address></gmd:address></gmd:CI_Contact></gmd:contactInfo>"
        f"<gmd:role>{_code('CI_RoleCode', 'pointOfContact')}</gmd:role></gmd:CI_ResponsibleParty></{element}>"
    )


def _keywords(words: Sequence[str], thesaurus: str, day: str) -> str:
    listed = "".join(f"<gmd:keyword>{_text(word)}</gmd:keyword>" for word in words)
    return (
        f"<gmd:descriptiveKeywords><gmd:MD_Keywords>{listed}<gmd:thesaurusName><gmd:CI_Citation>"
        f"<gmd:title>{_text(thesaurus)}</gmd:title>{_date(day, 'publication')}"
        "</gmd:CI_Citation></gmd:thesaurusName></gmd:MD_Keywords></gmd:descriptiveKeywords>"
    )


def _format(name: str, version: str) -> str:
    return (
        f"<gmd:distributionFormat><gmd:MD_Format><gmd:name>{_text(name)}</gmd:name>"
        f"<gmd:version>{_text(version)}</gmd:version></gmd:MD_Format></gmd:distributionFormat>"
    )
