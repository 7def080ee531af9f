// Runs before the first paint: a chosen theme is set at once, "auto" is left to the style sheet.
try {
  const theme = localStorage.getItem("ingufu-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // storage is forbidden: the system's theme stays
}
