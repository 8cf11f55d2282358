/**
 * Makes the numbers of the status page from a snapshot of /v1/mtplx/snapshot and the one before it, if there was one:
 * rates are differences. A counter that fell means another process, whose rates are not known yet.
 */
export function figures(now, before) {
  const t = now.totals;
  const m = now.memory ?? {};
  const seconds = before ? (Date.parse(now.time) - Date.parse(before.time)) / 1000 : 0;
  const per = (a, b) => (seconds > 0 && a >= b ? (a - b) / seconds : 0);
  const sum = (list) => list.reduce((a, b) => a + b, 0);
  const used = (m.Pages ?? 0) - (m.FreePages ?? 0);
  const bank = m.Bank && {
    held: m.Bank.Bytes + m.Bank.PageBytes,
    checkpoints: m.Bank.Checkpoints,
    hits: m.Bank.Hits,
    misses: sum(Object.values(m.Bank.Misses ?? {})),
  };
  return {
    ready: now.ready,
    model: now.server.model,
    version: now.server.version,
    context: now.server.context,
    head: now.server.head,
    uptime: now.server.uptime_s,
    running: now.running,
    waiting: now.waiting,
    maxRunning: now.server.max_running,
    maxWaiting: now.server.max_waiting,
    answers: t.answers,
    failures: t.failures,
    written: t.completion_tokens,
    prompt: t.prompt_tokens,
    cached: t.cached_tokens,
    reused: t.prompt_tokens ? t.cached_tokens / t.prompt_tokens : 0,
    speed: per(t.completion_tokens, before?.totals.completion_tokens ?? 0),
    cycles: per(m.Cycles ?? 0, before?.memory?.Cycles ?? 0),
    allCycles: m.Cycles ?? 0,
    drafted: t.drafted_by_depth,
    accepted: t.accepted_by_depth,
    drafts: sum(t.drafted_by_depth),
    stood: sum(t.accepted_by_depth),
    pages: m.Pages ?? 0,
    pagesUsed: used,
    pagesShare: m.Pages ? used / m.Pages : 0,
    pageTokens: m.PageTokens ?? 0,
    bank: bank ?? null,
    memory: now.process.resident_bytes || now.process.go_bytes,
    resident: now.process.resident_bytes ?? 0,
    goBytes: now.process.go_bytes,
    requests: now.requests.map((r) => ({ id: r.id, route: r.route, prompt: r.prompt_tokens, written: r.completion_tokens, age: r.age_s })),
  };
}
