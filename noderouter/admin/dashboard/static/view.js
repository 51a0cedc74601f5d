// Views come and go within one document (go.js): a script begins its part of a view here, and ends it when another one comes.
const parts = [];

// `begin` is called now, and whenever another view has come; what it returns, if it does, when that view goes.
export function onView(begin) {
  parts.push({ begin, end: begin() });
}

export function change(put) {
  for (const each of parts) each.end?.();
  put();
  for (const each of parts) each.end = each.begin();
}
