// Draws stations on a map with Leaflet: tiles if an address is set, country outlines if not. Loaded on demand.

/** data: {sites: [{name, href, latitude, longitude, tone, status}]}; element.dataset.tiles may name a tile server. */
export async function draw(element, data, settings) {
  const leaflet = await import(settings.modules.leaflet);
  await loadStyle(settings.modules.leafletStyle);
  const map = new leaflet.Map(element, { zoomControl: true, attributionControl: true, scrollWheelZoom: false, minZoom: 2, maxZoom: 18 });
  map.attributionControl.setPrefix(false);
  map.zoomControl.setPosition("bottomright");
  if (element.dataset.tiles) new leaflet.TileLayer(element.dataset.tiles, { attribution: element.dataset.attribution ?? "" }).addTo(map);
  else await drawOutlines(leaflet, map, settings);
  const markers = new leaflet.FeatureGroup(data.sites.map((site) => marker(leaflet, site)));
  if (data.sites.length) map.fitBounds(markers.getBounds().pad(0.25), { maxZoom: 13, animate: false });
  else map.setView([0, 20], 3);
  markers.addTo(map);
  paint(markers);
  document.addEventListener("ingufu:theme", () => paint(markers));
}

function loadStyle(href) {
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  const loaded = new Promise((resolve, reject) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", () => reject(new Error(href)));
  });
  document.head.prepend(link); // before our own sheet, which has the last word
  return loaded;
}

async function drawOutlines(leaflet, map, settings) {
  const answer = await fetch(settings.modules.outlines);
  const world = await answer.json();
  const land = leaflet.feature(world, world.objects.countries);
  new leaflet.GeoJSON(land, { interactive: false, style: { className: "map-land", fillOpacity: 1, weight: 1 } }).addTo(map);
}

function marker(leaflet, site) {
  const point = new leaflet.CircleMarker([site.latitude, site.longitude], { radius: 7, weight: 2, fillOpacity: 1, tone: site.tone });
  const text = document.createElement("div"); // nodes, not markup: names come from outside
  const link = Object.assign(document.createElement("a"), { href: site.href, textContent: site.name });
  const status = document.createElement("div");
  status.textContent = site.status;
  text.append(link, status);
  const hint = document.createElement("span");
  hint.textContent = `${site.name}: ${site.status}`;
  return point.bindPopup(text).bindTooltip(hint);
}

function paint(markers) {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("i");
  document.body.append(probe);
  const read = (token) => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  const edge = style.colorScheme.includes("dark") ? read("--canvas") : read("--surface");
  markers.eachLayer((layer) => {
    const tone = read(`--${layer.options.tone}`);
    const hollow = layer.options.tone === "idle"; // shape tells it too: idle is a ring, a fault is large
    layer.setStyle(hollow ? { fillColor: edge, color: tone, weight: 3 } : { fillColor: tone, color: edge });
    layer.setRadius(layer.options.tone === "bad" ? 10 : 7);
  });
  probe.remove();
}
