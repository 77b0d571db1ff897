// Which folder may import which: the arrows of the architecture, one named rule each. The canary in
// .house/canary/broken-arrows.mjs breaks every one of them, and `npm run check` fails unless each is reported.

/** The top folders with code. An import from outside them is Node itself or a package. */
const OURS = '^(cmd|cluster|api|scheduler|store|extensions|sdk|chaos|test)/';

/** Folders behind a port. Only the composition root and the tests may name one. */
const ADAPTERS =
  '^(store/state/(memory|lmdb|etcd)|store/objects/(files|s3)|store/secrets/(sealed|vault)' +
  '|scheduler/engines/(process|docker|nomad|kubernetes|instant))/';

const MODEL = '^store/model/';
const ENGINE_PORT = '^scheduler/engines/port[.]ts$';
const STORE_PORTS = '^store/((state|objects|secrets)/port|state/health)[.]ts$';
/** How things are named and written down in the stores, whichever backend it is: keys, records, blob names, archived logs. */
const STORE_LANGUAGE = '^store/(keys[.]ts$|codec[.]ts$|id-patterns[.]ts$|records/|logs/|objects/blob-name[.]ts$)';

/**
 * Of our own folders, `from` may import only what `allowed` matches.
 * @param {string} name @param {string | string[]} from @param {string[]} allowed @param {string} comment
 */
function arrow(name, from, allowed, comment) {
  return { name, comment, severity: 'error', from: { path: from }, to: { path: OURS, pathNot: allowed } };
}

/** As `arrow`, but Node's modules and packages are forbidden as well. */
function pure(name, from, allowed, comment) {
  return { name, comment, severity: 'error', from: { path: from }, to: { pathNot: allowed } };
}

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle makes the order of loading matter and two files one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'imports-resolve',
      comment: 'What cannot be found cannot be checked.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    pure('model-imports-nothing', MODEL, [MODEL], 'The vocabulary is pure and at the bottom.'),
    pure('plan-imports-model', '^scheduler/plan/', ['^scheduler/plan/', MODEL], 'The planner is pure.'),
    pure('supervise-imports-model', '^extensions/supervise[.]ts$', [MODEL], 'Deciding about extensions is pure.'),
    pure(
      'checks-import-model',
      '^chaos/checks/',
      ['^chaos/checks/', MODEL],
      'A checker judges a history, it makes none.',
    ),
    arrow('store-imports-store', '^store/', ['^store/'], 'The store knows nothing above it.'),
    arrow('cluster-imports-store', '^cluster/', ['^cluster/', '^store/'], 'Election stands on the state port alone.'),
    {
      name: 'api-never-scheduler',
      comment: 'They meet in the store: a request leaves a record, the leader finds it.',
      severity: 'error',
      from: { path: '^api/' },
      to: { path: '^scheduler/' },
    },
    arrow(
      'operations-import-ports',
      '^api/(operations|auth)/',
      ['^api/(operations|auth)/', MODEL, STORE_PORTS, STORE_LANGUAGE],
      'Operations stand on the ports and know no transport.',
    ),
    arrow(
      'edges-import-operations',
      '^api/(rest|grpc|external)/',
      ['^api/', MODEL],
      'A route maps, an operation decides.',
    ),
    arrow(
      'loop-imports-plan-and-ports',
      '^scheduler/(loop/|[^/]+$)',
      ['^scheduler/(plan|loop)/', '^scheduler/[^/]+$', ENGINE_PORT, '^store/', '^cluster/'],
      'The loop does what the plan says, through ports.',
    ),
    arrow(
      'engines-import-port',
      '^scheduler/engines/',
      ['^scheduler/engines/', MODEL],
      'An engine knows its port and its client.',
    ),
    arrow(
      'extensions-import-ports',
      '^extensions/(?!provided/)',
      ['^extensions/(?!provided/)', '^store/', '^cluster/', ENGINE_PORT],
      'The supervisor is a duty of the leader.',
    ),
    arrow(
      'provided-import-sdk',
      '^extensions/provided/',
      ['^extensions/provided/', '^sdk/'],
      'Ours use what everybody has.',
    ),
    arrow('sdk-imports-sdk', '^sdk/', ['^sdk/'], "The SDK runs in a user's project, without us."),
    arrow('cli-imports-sdk', '^cmd/cli/', ['^cmd/cli/', '^sdk/'], 'The CLI can do what any client can.'),
    arrow('main-imports-cmd', '^cmd/[^/]+$', ['^cmd/'], 'The entry only picks what to load.'),
    {
      name: 'server-never-clients',
      comment: 'The composition root joins all parts, but none of these.',
      severity: 'error',
      from: { path: '^cmd/server/' },
      to: { path: '^(sdk|chaos|test|cmd/cli)/' },
    },
    arrow(
      'chaos-imports-sdk',
      '^chaos/(?!simulation/)',
      ['^chaos/(?!simulation/)', '^chaos/simulation/random[.]ts$', '^sdk/', MODEL],
      'Chaos runs the executable as a user would.',
    ),
    arrow(
      'simulation-imports-what-it-runs',
      '^chaos/simulation/',
      ['^chaos/simulation/', '^(cluster|scheduler|store)/', '^api/operations/'],
      'The simulation puts the same parts together as the composition root, on simulated connections.',
    ),
    {
      name: 'only-server-names-adapters',
      comment: 'Everything else is given what it works on.',
      severity: 'error',
      from: { pathNot: ['^cmd/server/', '^chaos/simulation/', '^test/', ADAPTERS] },
      to: { path: ADAPTERS },
    },
    {
      name: 'adapters-stand-alone',
      comment: 'Shared parts of two adapters lie beside them, not in one of them.',
      severity: 'error',
      from: { path: '^((?:store/(?:state|objects|secrets)|scheduler/engines)/[^/]+/)' },
      to: { path: ADAPTERS, pathNot: '^$1' },
    },
    {
      name: 'tests-are-leaves',
      comment: 'Nothing that ships may need a test.',
      severity: 'error',
      from: { pathNot: '^test/' },
      to: { path: '^test/' },
    },
    {
      name: 'shipped-needs-no-dev-package',
      comment: 'Development packages are not there where the executable runs.',
      severity: 'error',
      from: { path: OURS, pathNot: '^test/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|coverage)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
