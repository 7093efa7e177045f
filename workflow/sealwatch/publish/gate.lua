-- Gate before MapServer. It refuses requests that no client of the service needs, and keeps every reading of the
-- layer newly_sealed on one release: later pages are answered from the release that answered the first one.
-- The web server runs it for each request below /ows and keeps its tables between them.

local RELEASE_FILE = "@RELEASE_FILE@"
local LAYER = "newly_sealed"
local KEEP_S = 7200        -- a reading is forgotten when it rests for so long
local COUNT_S = 60         -- a reading that follows its count (resultType=hits) within this time is of the same release
local MAX_KEYS = 20000     -- clients and queries remembered at once
local MAX_READINGS = 16    -- readings of one client and query remembered at once
local MAX_PARAMETERS = 200 -- of one request: a body of a megabyte could hold half a million

local PAGING = {startindex = true, count = true, maxfeatures = true, resulttype = true, release = true}
-- MapServer's own parameters, and styles from elsewhere: with them a request could name files or addresses.
local REFUSED = {map = true, mode = true, context = true, sld = true, sld_body = true, config = true, mapfile = true,
                 qstring = true, mapext = true, layers_file = true, template = true}

local r = lighty.r
local memory = package.loaded["sealwatch.readings"] or {keys = {}, count = 0}
package.loaded["sealwatch.readings"] = memory

local function refuse(code, locator, text)
    r.resp_header["Content-Type"] = "text/xml; charset=UTF-8"
    r.resp_body.set('<?xml version="1.0" encoding="UTF-8"?>\n' ..
        '<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1" version="2.0.0">\n' ..
        '  <ows:Exception exceptionCode="' .. code .. '" locator="' .. locator .. '">\n' ..
        '    <ows:ExceptionText>' .. text .. '</ows:ExceptionText>\n' ..
        '  </ows:Exception>\n</ows:ExceptionReport>\n')
    return 400
end

local function decoded(text)
    return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function parsed(query, into)
    for part in query:gmatch("[^&]+") do
        local key, value = part:match("^([^=]*)=?(.*)$")
        into[#into + 1] = {key = decoded(key):lower(), value = decoded(value)}
        if #into > MAX_PARAMETERS then break end
    end
    return into
end

local function whole(text) -- a whole number, or nil
    return text and text:match("^%d+$") and #text <= 9 and tonumber(text) or nil
end

local function current_release()
    local file = io.open(RELEASE_FILE)
    if not file then return nil end
    local text = file:read("a")
    file:close()
    return tonumber(text:match('"release": *(%d+)')), tonumber(text:match('"since": *(%d+)')) or 0
end

-- Declarations of entities, and encodings that would hide them, have no place in a query.
local function hostile(text)
    local upper = text:upper()
    if upper:find("<!DOCTYPE", 1, true) or upper:find("<!ENTITY", 1, true) or text:find("%z") then return true end
    local encoding = upper:match("^%s*<%?XML[^>]-ENCODING%s*=%s*[\"']([^\"']*)")
    return encoding and encoding ~= "UTF-8" and encoding ~= "ISO-8859-1" and encoding ~= "US-ASCII"
end

local function of_key(key, now)
    local entry = memory.keys[key]
    if not entry then
        if memory.count >= MAX_KEYS then
            memory.keys, memory.count = {}, 0
        end
        entry = {readings = {}}
        memory.keys[key], memory.count = entry, memory.count + 1
    end
    -- Each by itself: a client that asks again and again must not keep alive what it broke off long ago.
    local kept = {}
    for _, reading in ipairs(entry.readings) do
        if now - reading.used <= KEEP_S then kept[#kept + 1] = reading end
    end
    entry.readings = kept
    return kept
end

-- The one release of these readings; nil where there is none, false where there are several.
local function agreed(readings)
    local release
    for _, reading in ipairs(readings) do
        if release and reading.release ~= release then return false end
        release = reading.release
    end
    return release
end

local function remember(readings, reading)
    readings[#readings + 1] = reading
    if #readings > MAX_READINGS then table.remove(readings, 1) end
end

-- Readings that a refusal has told to start again come last: else one that was broken off before a release would
-- keep its client from reading the next one.
local function undoubted(readings)
    local sure = {}
    for _, reading in ipairs(readings) do
        if not reading.doubted then sure[#sure + 1] = reading end
    end
    return #sure > 0 and sure or readings
end

-- Release that answers a page: the one of the reading that this page continues. Nil where that cannot be told.
local function release_of_page(key, start, count, hits)
    local now = os.time()
    local current, since = current_release()
    if not current then return nil, true end
    local readings = of_key(key, now)
    local here, alike = {}, {}
    for _, reading in ipairs(readings) do
        if reading.next == start and (start > 0 or now - reading.counted < COUNT_S) then here[#here + 1] = reading end
        if start > 0 and reading.next > 0 and reading.size == count then alike[#alike + 1] = reading end
    end
    if hits then
        local reading = here[#here]
        if not reading or reading.release ~= current then
            reading = {release = current, next = 0}
            remember(readings, reading)
        end
        reading.counted, reading.used = now, now
        return current
    end
    if start == 0 then -- a count of the same client that went before, or a new reading
        local reading = here[#here]
        if not reading then
            reading = {release = current, counted = 0}
            if count then remember(readings, reading) end
        end
        reading.next, reading.size, reading.counted, reading.used = count or 0, count, 0, now
        return reading.release
    end
    local among = undoubted(#here > 0 and here or alike)
    local release = agreed(among)
    if release then
        among[1].next, among[1].used = math.max(among[1].next, start + (count or 0)), now
        return release
    end
    for _, reading in ipairs(among) do reading.doubted = true end
    if release == nil and now - since > KEEP_S then return current end
    return nil
end

local query = r.req_attr["uri.query"] or ""
local method = r.req_attr["request.method"]
local pairs_of_query = parsed(query, {})
local body = ""
if method == "POST" then
    if r.req_body.collect == false then return 0 end
    -- lighttpd 1.4.69 hands out what stood before the body in the same packet too.
    body = (r.req_body.get or ""):sub(-math.max(1, r.req_body.len or 0))
    local kind = (r.req_header["Content-Type"] or ""):lower()
    local xml = body:find("^%s*<") or body:find("^\239\187\191%s*<")
    -- MapServer goes by the type alone: parameters may stand behind what looks like XML.
    if not xml or kind == "" or kind:find("application/x-www-form-urlencoded", 1, true) then
        parsed(body, pairs_of_query)
    end
    if not xml then body = "" end
elseif method ~= "GET" and method ~= "HEAD" then
    return refuse("OperationNotSupported", "method", "Use GET or POST.")
end

local given = {}
if #pairs_of_query > MAX_PARAMETERS then
    return refuse("InvalidParameterValue", "request", "There are too many parameters.")
end
for _, pair in ipairs(pairs_of_query) do
    -- MapServer reads a name up to its first zero byte.
    if hostile(pair.key) then return refuse("InvalidParameterValue", "request", "Declarations are refused.") end
    if REFUSED[pair.key] or pair.key:find("^map[_.]") then
        return refuse("InvalidParameterValue", pair.key:match("^[%w_]*"), "This parameter is not offered.")
    end
    if hostile(pair.value) then return refuse("InvalidParameterValue", "FILTER", "Declarations are refused.") end
    if given[pair.key] and (PAGING[pair.key] or pair.key == "request" or pair.key:find("^typename")) then
        return refuse("InvalidParameterValue", pair.key, "This parameter is given twice.")
    end
    given[pair.key] = pair.value
end
if hostile(body) then return refuse("OperationParsingFailed", "request", "Declarations are refused.") end
if body == "" and not given.request and not given.service then
    return refuse("MissingParameterValue", "SERVICE", "Name SERVICE=WFS or SERVICE=WMS, and REQUEST.")
end

local function attribute(name)
    return body:match("[%s]" .. name .. "%s*=%s*[\"']([^\"']*)[\"']")
end

local request = (given.request or body:match("<[%w_%-]*:?(Get%a+)") or ""):lower()
local types = given.typenames or given.typename or attribute("typeNames") or attribute("typeName") or ""
local release = given.release and given.release:match("^_?(%d+)$")
if given.release and not release then
    return refuse("InvalidParameterValue", "RELEASE", "RELEASE must be the number of a release.")
end
-- MapServer finds a layer by its name in any spelling, and takes lists.
local current = false
for name in types:lower():gmatch("[^%s,()]+") do
    current = current or name:gsub("^.*:", "") == LAYER
end
if not release and current and (request == "getfeature" or request == "getpropertyvalue") then
    local start = given.startindex or attribute("startIndex")
    local count = given.count or given.maxfeatures or attribute("count") or attribute("maxFeatures")
    local hits = (given.resulttype or attribute("resultType") or ""):lower() == "hits"
    local parts = {r.req_attr["request.remote-addr"] or "", r.req_header["User-Agent"] or ""}
    for _, pair in ipairs(pairs_of_query) do
        if not PAGING[pair.key] then parts[#parts + 1] = pair.key .. "=" .. pair.value end
    end
    table.sort(parts)
    for _, name in ipairs({"startIndex", "count", "maxFeatures", "resultType"}) do
        body = body:gsub("%s" .. name .. "%s*=%s*[\"'][^\"']*[\"']", "")
    end
    parts[#parts + 1] = body
    local key = lighty.c.md("sha256", table.concat(parts, "\n"))
    local unreleased
    release, unreleased = release_of_page(key, whole(start) or 0, whole(count), hits)
    if not release and not unreleased then
        return refuse("OperationProcessingFailed", "STARTINDEX", "A new release came between the pages. " ..
            "Start again, or read the layer of one release, e.g. " .. LAYER .. "_1.")
    end
end
if release then
    local kept = {}
    for part in query:gmatch("[^&]+") do
        if not decoded(part):lower():find("^release=") then kept[#kept + 1] = part end
    end
    kept[#kept + 1] = "release=_" .. release
    r.req_attr["uri.query"] = table.concat(kept, "&")
end
return 0
