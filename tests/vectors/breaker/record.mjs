// Records what opossum does with scenarios of calls, on a clock that stands still between milliseconds:
//   npm install opossum@10.0.0 && node record.mjs > opossum-10.json
import { mock } from 'node:test'
import { createRequire } from 'node:module'

const CircuitBreaker = createRequire(process.cwd() + '/')('opossum')
const NAMES = {
  fire: 'fire', success: 'success', failure: 'failure', timeout: 'timeout', reject: 'reject',
  semaphoreLocked: 'over_capacity', open: 'open', halfOpen: 'half_open', close: 'close', fallback: 'fallback'
}
const STATS = { fire: 'fires', failure: 'failures', success: 'successes', timeout: 'timeouts', reject: 'rejects' }

function random (seed) { // mulberry32
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

async function record ({ id, rules, steps, until }) {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] })
  let now = 0
  const happenings = []
  const looks = []
  const action = call => new Promise((resolve, reject) => {
    if (call.ends === 'never') return
    setTimeout(() => {
      if (call.ends === 'success') return resolve('done')
      reject(Object.assign(new Error(call.ends), { filtered: call.ends === 'filtered' }))
    }, call.after)
  })
  const breaker = new CircuitBreaker(action, {
    ...rules, errorFilter: error => error.filtered === true, rollingPercentilesEnabled: false, enableSnapshots: false
  })
  for (const [theirs, ours] of Object.entries(NAMES)) breaker.prependListener(theirs, () => happenings.push([now, ours]))
  const state = () => breaker.isShutdown ? 'shut_down' : breaker.opened ? 'open' : breaker.halfOpen ? 'half_open' : 'closed'
  const queue = [...steps]
  while (now <= until) {
    while (queue.length && queue[0].at === now) {
      const step = queue.shift()
      if (step.do === 'call') {
        breaker.fire(step).catch(() => {})
      } else if (step.do === 'look') {
        const stats = breaker.stats
        const counts = Object.fromEntries(Object.entries(STATS).map(([ours, theirs]) => [ours, stats[theirs]]))
        looks.push({ at: now, state: state(), counts })
      } else breaker[step.do]()
    }
    for (let turn = 0; turn < 8; turn++) await null
    now += 1
    mock.timers.tick(1)
    for (let turn = 0; turn < 8; turn++) await null
  }
  breaker.shutdown()
  mock.timers.reset()
  return { id, source: 'opossum 10.0.0', given: { rules, steps, until }, expect: { happenings, looks } }
}

const call = (at, ends, after = 0) => ({ at, do: 'call', ends, after })
const look = at => ({ at, do: 'look' })
const USUAL = { timeout: 3000 }
const written = [
  ['1-half-of-the-calls-failing-stays-closed', USUAL, [call(11, 'success', 5), call(31, 'failure', 5), look(51), call(61, 'failure', 5), look(81)], 100],
  ['2-the-first-call-failing-opens', USUAL, [call(11, 'failure', 5), look(31)], 100],
  ['3-calls-under-way-dilute-the-rate', USUAL, [1, 2, 3, 4, 5].map(n => call(n * 10, 'never')).concat([call(71, 'failure', 5), look(91), look(3041), look(3061)]), 3100],
  ['3-rejected-calls-count-as-fires', USUAL, [call(11, 'failure', 5), call(31, 'success', 5), call(41, 'success', 5), look(51)], 100],
  ['4-a-call-times-out-at-3000-and-not-at-2999', USUAL, [call(11, 'success', 3500), look(3010), look(3012), look(3600)], 3700],
  ['5-open-rejects-without-running', USUAL, [call(11, 'failure', 5), call(21, 'success', 1), call(31, 'success', 1), look(41)], 100],
  ['6-half-open-after-30000-and-not-29999', USUAL, [call(11, 'failure', 5), look(30015), look(30017), call(30021, 'success', 50), call(30031, 'success', 5), look(30041), look(30081)], 30100],
  ['7-a-failing-probe-opens-whatever-the-rate', USUAL, [call(11, 'failure', 5), call(30021, 'failure', 5), look(30041), look(60024), look(60030)], 60100],
  ['8-an-old-success-closes-only-when-half-open', { timeout: 60000, volumeThreshold: 2 }, [call(11, 'success', 40000), call(21, 'success', 1000), call(31, 'failure', 5), call(41, 'failure', 5), call(51, 'failure', 5), look(61), look(1061), look(30061), look(40061)], 41000],
  ['9-old-failures-do-not-prolong-the-wait', { timeout: 60000, volumeThreshold: 2 }, [call(11, 'failure', 5000), call(31, 'failure', 5), call(41, 'failure', 5), look(61), look(5061), look(30061)], 30100],
  ['10-the-oldest-bucket-goes-at-10000', { timeout: 3000, volumeThreshold: 100 }, [call(11, 'failure', 5), look(9999), look(10001)], 10100],
  ['10-closing-does-not-clear-the-window', { timeout: 3000, resetTimeout: 1000 }, [call(11, 'failure', 5), call(1031, 'success', 5), look(1051), call(1061, 'failure', 5), look(1081)], 1100],
  ['11-a-filtered-error-is-a-success', USUAL, [call(11, 'filtered', 5), look(31), call(41, 'failure', 5), call(61, 'failure', 5), call(30080, 'filtered', 5), look(30091)], 30100],
  ['12-over-capacity-is-a-failure', { timeout: 3000, capacity: 1 }, [call(11, 'success', 500), call(21, 'success', 5), look(31), call(41, 'success', 5), look(51)], 600],
  ['14-shut-down', USUAL, [call(11, 'success', 100), { at: 21, do: 'shutdown' }, call(31, 'success', 5), look(41)], 200],
  ['14-disabled-runs-bare', USUAL, [{ at: 5, do: 'disable' }, call(11, 'failure', 5), call(31, 'failure', 5), look(51)], 100],
  ['14-warm-up', { timeout: 3000, allowWarmUp: true }, [call(11, 'failure', 5), call(9021, 'failure', 5), look(9991), call(10011, 'failure', 5), look(10031)], 10100]
].map(([id, rules, steps, until]) => ({ id, rules, steps, until }))

// Starts, ends, deadlines, turns and looks lie on different milliseconds, so that no order between equals is recorded.
function drawn (seed) {
  const next = random(seed)
  const pick = list => list[Math.floor(next() * list.length)]
  const rules = {
    timeout: pick([520, 1020, 3020]), resetTimeout: pick([1030, 5030, 30030]), errorThresholdPercentage: pick([0, 25, 50, 50, 75]),
    rollingCountTimeout: pick([5000, 10000]), rollingCountBuckets: pick([5, 10]), volumeThreshold: pick([0, 0, 3, 10])
  }
  if (next() < 0.5) rules.capacity = pick([1, 2, 5])
  if (next() < 0.2) rules.allowWarmUp = true
  const until = 45000
  const steps = new Map()
  const ends = new Set()
  const busy = pick([30, 80, 150])
  for (let n = 0; n < busy; n++) {
    const at = Math.floor(next() * 440) * 100 + 11
    let after = Math.floor(next() * rules.timeout * 1.5 / 100) * 100 + 12
    while (ends.has(at + after)) after += 100
    ends.add(at + after)
    steps.set(at, call(at, pick(['success', 'success', 'failure', 'failure', 'filtered', 'never']), after))
  }
  for (let n = 0; n < 12; n++) {
    const at = Math.floor(next() * 440) * 100 + 97
    steps.set(at, look(at))
  }
  if (next() < 0.3) steps.set(20071, { at: 20071, do: pick(['open', 'close', 'disable', 'shutdown']) })
  return { id: `drawn-${seed}`, rules, steps: [...steps.values()].sort((a, b) => a.at - b.at), until }
}

const scenarios = [...written, ...Array.from({ length: 40 }, (_, n) => drawn(n + 1))]
const recorded = []
for (const scenario of scenarios) recorded.push(await record(scenario))
process.stdout.write('[\n' + recorded.map(one => JSON.stringify(one)).join(',\n') + '\n]\n')
