/** Every component on one page, with something in it. `?dark` shows the dark side, `#name` one component alone. */

import { useState, type ReactNode } from "react";
import { createRoot } from "react-dom/client";

import { button, cn, Icon } from "../../components/src/lib";
import { SHOWN } from "./shown";

function Gallery(): ReactNode {
  const [dark, setDark] = useState(() => new URLSearchParams(location.search).has("dark"));
  document.documentElement.classList.toggle("dark", dark);
  return (
    <div className="mx-auto flex max-w-6xl gap-10 px-6 py-10">
      <nav aria-label="Components" className="sticky top-10 hidden h-[calc(100vh-5rem)] w-44 shrink-0 overflow-y-auto md:block" tabIndex={0}>
        <ul className="flex flex-col gap-0.5">
          {SHOWN.map(({ name }) => (
            <li key={name}>
              <a href={`#${name}`} className="block rounded-md px-2.5 py-1 text-sm text-muted-foreground outline-none hover:bg-accent hover:text-accent-foreground focus-visible:ring-2 focus-visible:ring-ring focus-visible:ring-inset">
                {name}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main className="flex min-w-0 flex-1 flex-col gap-12">
        <header className="flex items-start justify-between gap-6">
          <div>
            <h1 className="text-2xl font-semibold tracking-tight">Components</h1>
            <p className="mt-1.5 max-w-xl text-sm leading-6 text-muted-foreground">
              {SHOWN.length} parts of local AI apps, for React and Tailwind, with no dependency beyond. They take values and call
              back; none of them talks to the runtime by itself.
            </p>
          </div>
          <button type="button" className={button("secondary")} aria-pressed={dark} onClick={() => setDark(!dark)}>
            <Icon name={dark ? "spark" : "clock"} />
            {dark ? "Light" : "Dark"}
          </button>
        </header>
        {SHOWN.map(({ name, about, Show, wide }) => (
          <section key={name} id={name} aria-labelledby={`${name}-title`} className="scroll-mt-10">
            <div className="mb-3 flex flex-wrap items-baseline justify-between gap-x-4">
              <h2 id={`${name}-title`} className="text-base font-semibold">
                {name}
              </h2>
              <code className="font-mono text-xs text-muted-foreground">locara add {name}</code>
            </div>
            <p className="mb-4 text-sm text-muted-foreground">{about}</p>
            <div className={cn("rounded-xl border border-border bg-background p-5 sm:p-7", !wide && "[&>*]:mx-auto [&>*]:max-w-2xl")} data-shown={name}>
              <Show />
            </div>
          </section>
        ))}
      </main>
    </div>
  );
}

createRoot(document.getElementById("page") as HTMLElement).render(<Gallery />);
