// The parts of Leaflet that the console's map draws with, and the reader of the country outlines.
export { Map, TileLayer, GeoJSON, CircleMarker, FeatureGroup, Control, LatLngBounds } from "leaflet/dist/leaflet-src.esm.js";
export { feature } from "topojson-client";
