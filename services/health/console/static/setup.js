// What the set-up pages gain where scripts run: the wizard's steps one after the other, secrets that
// stay in their fields when a form is refused, buttons that show a secret. All works without.
"use strict";

(() => {
  const all = (root, selector) => [...root.querySelectorAll(selector)];

  // Secrets can be looked at while they are typed.
  const showRevealButtons = (root) => {
    for (const button of all(root, "[data-reveal]")) button.hidden = false;
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-reveal]");
    if (!button) return;
    const input = document.getElementById(button.dataset.reveal);
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
    button.firstChild.textContent = shown ? "Show" : "Hide";
  });

  // A field that only makes sense for one choice of another.
  const follow = (root) => {
    for (const box of all(root, "[data-when]")) {
      const source = box.closest("form").elements[box.dataset.when];
      const settle = () => {
        const wanted = source.value === box.dataset.is;
        box.hidden = !wanted;
        for (const input of all(box, "input")) input.required = wanted;
        for (const word of all(box, ".optional")) word.hidden = wanted;
      };
      source.addEventListener("change", settle);
      settle();
    }
  };

  // Whoever comes back to a refused form is where something is wrong.
  const goToFirstError = (root) => {
    const wrong = root.querySelector('[aria-invalid="true"]');
    if (wrong) wrong.focus();
    else root.querySelector('main [role="alert"]')?.scrollIntoView({ block: "center" });
    return Boolean(wrong);
  };

  // A form with secrets is sent without leaving the page: where it is refused, the page that comes
  // back has none of them, and they are put back into their fields from here.
  const busy = (form, on) => {
    for (const button of all(form, "[data-busy]")) {
      if (on) button.dataset.idle = button.textContent;
      button.textContent = on ? button.dataset.busy : button.dataset.idle;
      button.disabled = on;
    }
  };
  const isSecret = (input) => input.autocomplete === "new-password";
  const send = async (form) => {
    const place = all(document, "main form").indexOf(form);
    const body = new URLSearchParams(new FormData(form));
    busy(form, true);
    let response;
    try {
      response = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
    } catch {
      busy(form, false);
      form.querySelector("[data-busy]").insertAdjacentHTML("beforebegin", '<p class="error" role="alert">The console does not answer. Nothing was stored; try again.</p>');
      return;
    }
    const goTo = response.headers.get("HX-Redirect");
    if (goTo) {
      location.assign(goTo);
      return;
    }
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("main");
    for (const input of all(form, "input").filter(isSecret)) {
      const twin = [...all(fresh, "input")].find((other) => other.id === input.id);
      if (twin) twin.value = input.value;
    }
    document.querySelector("main").replaceWith(fresh);
    window.htmx?.process(fresh);
    begin(fresh);
    if (!goToFirstError(fresh)) (all(fresh, "form")[place] || fresh).querySelector('[role="alert"]')?.scrollIntoView({ block: "center" });
  };

  // The wizard.
  const startWizard = (form) => {
    const steps = all(form, ".step");
    const links = all(form, ".wizard-steps a");
    const [back, next, finish] = ["back", "next", "finish"].map((name) => form.querySelector(`[data-${name}]`));
    let current = 0;
    let furthest = 0;
    form.noValidate = true;
    form.classList.add("stepwise");

    const provider = () => form.querySelector('input[name="provider"]:checked');
    const settleProvider = () => {
      const chosen = provider();
      for (const part of all(form, "[data-provider]")) {
        part.hidden = !chosen || part.dataset.provider !== chosen.value;
        if (part instanceof HTMLFieldSetElement) part.disabled = part.hidden;
      }
      for (const input of all(form, "[data-demanded], [data-demand=yes] input")) input.required = true;
      const types = chosen ? chosen.dataset.types.split(" ") : [];
      for (const option of all(form, 'select[name$=".type"] option')) {
        option.hidden = option.disabled = !types.includes(option.value);
      }
      for (const select of all(form, 'select[name$=".type"]')) {
        if (select.selectedOptions[0]?.disabled) select.value = types.find((type) => [...select.options].some((option) => option.value === type)) || "";
      }
    };

    const rowInput = (row, name) => row.querySelector(`[name$=".${name}"]`);
    const rowUsed = (row) => Boolean(rowInput(row, "address").value.trim() || rowInput(row, "name").value.trim());
    const rows = () => all(form, "[data-row]");
    const settleRows = () => {
      for (const row of rows()) {
        for (const name of ["address", "agent_id"]) rowInput(row, name).required = rowUsed(row);
      }
    };

    const show = (place, { focus = true } = {}) => {
      current = place;
      furthest = Math.max(furthest, place);
      steps.forEach((step, index) => { step.hidden = index !== place; });
      links.forEach((link, index) => {
        link.toggleAttribute("aria-current", false);
        if (index === place) link.setAttribute("aria-current", "step");
        link.classList.toggle("done", index < place);
        if (index > furthest) link.setAttribute("aria-disabled", "true");
        else link.removeAttribute("aria-disabled");
      });
      const last = place === steps.length - 1;
      back.hidden = place === 0;
      next.hidden = last;
      finish.hidden = !last;
      if (last) review();
      if (focus) steps[place].querySelector("h2").focus();
    };

    const holds = (place) => {
      settleRows();
      const wrong = all(steps[place], "input, select, textarea").find((input) => !input.disabled && !input.checkValidity());
      if (!wrong) return true;
      const folded = wrong.closest("details");
      if (folded) folded.open = true;
      wrong.reportValidity();
      return false;
    };
    const go = (place) => {
      for (let step = current; step < place; step += 1) {
        if (!holds(step)) {
          if (step !== current) show(step);
          return;
        }
      }
      show(place);
    };

    const review = () => {
      const list = form.querySelector("[data-review]");
      const facts = [["Provider", provider()?.dataset.title], ["Name", form.elements.name.value]];
      for (const input of all(form, ".account:not([hidden]) input")) {
        const label = form.querySelector(`label[for="${input.id}"]`).firstChild.textContent;
        if (input.value) facts.push([label, isSecret(input) ? "Entered, hidden" : input.value]);
      }
      const used = rows().filter(rowUsed);
      for (const row of used) {
        const agent = rowInput(row, "agent_id").selectedOptions[0].textContent;
        facts.push([rowInput(row, "address").value.trim(), `${rowInput(row, "type").selectedOptions[0].textContent}, answered by ${agent}, gate closed`]);
      }
      if (used.length === 0) facts.push(["Numbers", "None yet"]);
      list.replaceChildren(...facts.map(([term, value]) => {
        const pair = document.createElement("div");
        const parts = [document.createElement("dt"), document.createElement("dd")];
        [parts[0].textContent, parts[1].textContent] = [term, value || "None"];
        pair.append(...parts);
        return pair;
      }));
    };

    // Empty rows are put away until they are asked for.
    const add = form.querySelector("[data-add-row]");
    if (add) {
      const spare = rows().slice(1).filter((row) => !rowUsed(row));
      for (const row of spare) row.hidden = true;
      add.hidden = false;
      add.addEventListener("click", () => {
        const box = form.querySelector("[data-rows]");
        let row = rows().find((other) => other.hidden);
        if (!row) {
          const count = rows().length;
          row = rows()[0].cloneNode(true);
          row.querySelector("legend").textContent = `Number ${count + 1}`;
          for (const part of all(row, "[id], [for], [name], [aria-describedby]")) {
            for (const attribute of ["id", "for", "name", "aria-describedby"]) {
              const value = part.getAttribute(attribute);
              if (value) part.setAttribute(attribute, value.replaceAll("numbers.0.", `numbers.${count}.`));
            }
          }
          for (const part of all(row, ".error")) part.remove();
          for (const part of all(row, "[aria-invalid]")) part.removeAttribute("aria-invalid");
          for (const part of all(row, ".wrong")) part.classList.remove("wrong");
          for (const input of all(row, "input")) input.value = "";
          box.append(row);
        }
        row.hidden = false;
        add.hidden = rows().length >= Number(box.dataset.most) && !rows().some((other) => other.hidden);
        rowInput(row, "address").focus();
      });
    }

    form.addEventListener("change", settleProvider);
    back.addEventListener("click", () => show(current - 1));
    next.addEventListener("click", () => go(current + 1));
    links.forEach((link, index) => link.addEventListener("click", (event) => {
      event.preventDefault();
      if (index <= furthest) go(index);
    }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (current < steps.length - 1) go(current + 1);
      else if (steps.every((_, place) => holds(place) || (show(place, { focus: false }), holds(place), false))) send(form);
    });

    settleProvider();
    const wrong = form.querySelector('[aria-invalid="true"]')?.closest(".step") || document.getElementById(`step-${form.dataset.wrongStep}`);
    const refused = Boolean(form.querySelector(".wizard-body > [role=alert]"));
    if (refused) furthest = steps.length - 1;
    show(wrong ? steps.indexOf(wrong) : refused ? steps.length - 1 : 0, { focus: false });
  };

  const begin = (root) => {
    showRevealButtons(root);
    follow(root);
    for (const button of all(root, "[data-copy]")) button.hidden = !navigator.clipboard;
    for (const form of all(root, "[data-wizard]")) startWizard(form);
  };

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-keep-secrets]")) return;
    event.preventDefault();
    send(event.target);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const part = document.getElementById(event.detail.target.id);
    if (part?.matches("[data-careful]")) begin(part);
  });
  begin(document);
  goToFirstError(document);
})();
