/* Shows what a price comes to while it is written. The server makes every part; this file sends the
   form and puts the parts in. Without it the same buttons answer the whole page. */
"use strict";

(() => {
    const form = document.getElementById("price-form");
    const WAIT_MS = 250;
    let timer = 0;
    let asked = 0;

    const place = (part) => document.getElementById(`p-${part}`);

    /* What is wrong stands at its field, as the server placed it. */
    function showFaults(list) {
        if (!list) return;
        const words = new Map([...list.children].map((one) => [one.dataset.at, one.textContent]));
        for (const at of form.querySelectorAll("[data-fault]")) {
            const said = words.get(at.dataset.fault) || "";
            if (at.textContent !== said) at.textContent = said;
            const input = at.id && form.querySelector(`[aria-describedby="${CSS.escape(at.id)}"]`);
            if (input) input.toggleAttribute("aria-invalid", said !== "");
        }
        list.remove();
    }

    function focusOn(name) {
        const found = name && form.querySelector(`[name="${CSS.escape(name)}"], [name^="${CSS.escape(name)}/"]`);
        if (found) found.focus();
    }

    async function send(part, act) {
        clearTimeout(timer);
        const number = ++asked;
        const body = new FormData(form);
        body.set("act", act);
        form.setAttribute("aria-busy", "true");
        let answer;
        try {
            answer = await fetch(form.action, { method: "POST", body, headers: { "X-Part": part } });
        } catch {
            answer = null;
        }
        const text = answer && answer.ok && !answer.redirected ? await answer.text() : null;
        if (number !== asked) return; // a later question is on its way
        form.removeAttribute("aria-busy");
        form.toggleAttribute("data-lost", text === null);
        if (text === null) return;
        const focused = document.activeElement && document.activeElement.name;
        const target = place(part);
        target.innerHTML = text;
        showFaults(target.querySelector("[data-faults]"));
        if (part === "what-if") target.scrollIntoView({ block: "nearest" });
        if (part !== "form") return;
        const added = target.querySelector("[data-focus]");
        focusOn(added ? added.dataset.focus : focused);
    }

    form.addEventListener("input", (event) => {
        const from = event.target;
        if ("silent" in from.dataset || "reshape" in from.dataset || from.type === "date") return;
        clearTimeout(timer);
        timer = setTimeout(() => send("shown", "show"), WAIT_MS);
    });

    form.addEventListener("change", (event) => {
        if ("reshape" in event.target.dataset) send("form", "show");
    });

    form.addEventListener("submit", (event) => {
        const button = event.submitter;
        const act = button ? button.value : "show";
        if (act === "save") return;
        event.preventDefault();
        send((button && button.dataset.part) || "shown", act);
    });
})();
