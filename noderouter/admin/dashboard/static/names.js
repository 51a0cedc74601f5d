// The playground: a dentry that is pointed at in the delegation is marked in the table of dentries.
import { onView } from "./view.js";

onView(() => {
  for (const link of document.querySelectorAll("a[data-d]")) {
    const row = document.querySelector(`tr[data-key="${CSS.escape(link.dataset.d)}"]`);
    const on = there => row?.classList.toggle("on", there);
    link.addEventListener("pointerenter", () => on(true));
    link.addEventListener("pointerleave", () => on(false));
    link.addEventListener("focus", () => on(true));
    link.addEventListener("blur", () => on(false));
  }
});
