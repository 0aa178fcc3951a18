"""How fast a page and its runtime speak: our window, pywebview with our channel, and pywebview as it comes, in one run.

Every figure is the best of its rounds, and the table is kept beside the pictures. Figures of a busy machine are low: what
must hold on any machine is that everything arrives, and that a stream of tokens is far ahead of one evaluated in the page.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from locara.ui.plan import Look

from .conftest import PICTURES
from .peer import show, write_page
from .screen import Screen
from .test_pywebview import stock, until

CALLS, TOKENS, BIG, ROUNDS = 250, 10_000, 10_000_000, 12
STOCK_TOKENS: Final = 500
"""Fewer: at its rate ten thousand would take longer than they tell."""
_MEASURE = (
    """
const measure = async ({ one, stream, tokens, told }) => {
  const best = { calls: 0, tokens: 0, fetchMs: 1e9 }, rate = (count, from) => count / (performance.now() - from) * 1000;
  await sleep(1500);
  for (let round = 0; round < ROUNDS; round++) {
    let from = performance.now();
    for (let n = 0; n < CALLS; n++) if (await one(n) !== n) return told({ wrong: n });
    best.calls = Math.max(best.calls, rate(CALLS, from));
    from = performance.now();
    const got = await stream(tokens);
    if (got !== tokens) return told({ wrong: got });
    best.tokens = Math.max(best.tokens, rate(tokens, from));
    from = performance.now();
    const bytes = await (await fetch("big.bin")).arrayBuffer();
    if (bytes.byteLength !== BIG) return told({ wrong: bytes.byteLength });
    best.fetchMs = Math.min(best.fetchMs, performance.now() - from);
  }
  told(best);
};
""".replace("ROUNDS", str(ROUNDS))
    .replace("CALLS", str(CALLS))
    .replace("BIG", str(BIG))
)
_OURS = """measure({
  one: async (n) => (await call("echo", { n })).result.n,
  stream: async (count) => { let got = 0; await call("stream", { count }, () => got++); return got; },
  tokens: TOKENS, told: (best) => call("told", best),
});""".replace("TOKENS", str(TOKENS))
_STOCK = """const sleep = (ms) => new Promise((r) => setTimeout(r, ms)); MEASURE
const begin = () => measure({
  one: (n) => pywebview.api.told(n),
  stream: (count) => new Promise((done) => { let got = 0; window.got = () => { if (++got === count) done(got); }; pywebview.api.stream(count); }),
  tokens: TOKENS, told: (best) => pywebview.api.told("best " + JSON.stringify(best)),
});
if (window.pywebview?.api?.told) begin(); else addEventListener("pywebviewready", begin);
""".replace("TOKENS", str(STOCK_TOKENS)).replace("MEASURE", _MEASURE)


def answer(frame: dict[str, Any]) -> list[dict[str, Any]]:
    """Calls as they come; a stream of as many tokens as were asked for."""
    args = frame.get("args") or {}
    tokens = [
        {"id": frame["id"], "event": {"type": "delta", "text": f" word{n}"}}
        for n in range(args.get("count", 0))
    ]
    return [*tokens, {"id": frame["id"], "ok": True, "result": args}]


def ours(screen: Screen, folder: Path, host: Any) -> dict[str, float]:
    (folder / "p").mkdir()
    (folder / "p/big.bin").write_bytes(bytes(BIG))
    page = write_page(folder / "p", _MEASURE + _OURS)
    with show(screen, page, answer=answer, look=Look("A page", "index.html", host=host)) as (peer, _):
        best: dict[str, float] = peer.wait_frame("told", seconds=240)["args"]
        return best


def as_it_comes(screen: Screen, folder: Path) -> dict[str, float]:
    page = write_page(folder / "s", "", "")
    (page / "big.bin").write_bytes(bytes(BIG))
    (page / "page.js").write_text(_STOCK)
    with stock(screen, page, folder) as seen:

        def told() -> list[str]:
            return [line for line in seen.called() if line.startswith("told best ")]

        assert until(told, seconds=300), seen.called()[-3:]
        best: dict[str, float] = json.loads(told()[0].removeprefix("told best "))
        return best


def test_calls_tokens_and_files_against_stock_pywebview(
    screen: Screen, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {}
    for name, host in (("our window", "webkit"), ("pywebview, our channel", "pywebview")):
        (tmp_path / host).mkdir()
        rows[name] = ours(screen, tmp_path / host, host)
    rows["pywebview as it comes"] = as_it_comes(screen, tmp_path)
    lines = [f"{'':<24}{'calls/s':>10}{'tokens/s':>12}{'10 MB, ms':>12}"]
    for name, best in rows.items():
        assert "wrong" not in best, (name, best)
        lines.append(f"{name:<24}{best['calls']:>10,.0f}{best['tokens']:>12,.0f}{best['fetchMs']:>12,.0f}")
    lines.append(f"{'to reach':<24}{'1,000':>10}{'10,000':>12}{'300':>12}")
    table = "\n".join(lines)
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / "bridge-speed.txt").write_text(table + "\n")
    with capsys.disabled():
        print(f"\n{table}")
    assert rows["our window"]["tokens"] > 3 * rows["pywebview as it comes"]["tokens"]
