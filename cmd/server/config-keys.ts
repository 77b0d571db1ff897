// Every setting of the server: its key in the TOML file, its type, default and meaning. One table serves the parser, the help
// text and the README. Keys that the original has keep their names and units (spec 2.2): durations are whole seconds.

export type SettingType = 'integer' | 'boolean' | 'text';

export interface Setting {
  readonly type: SettingType;
  readonly default: number | boolean | string;
  readonly meaning: string;
  /** Allowed words, for a text. */
  readonly oneOf?: readonly string[];
  /** Smallest and largest value, for an integer. */
  readonly range?: readonly [number, number];
}

const YEAR_S = 31_536_000;
const COUNT: readonly [number, number] = [1, 1_000_000];
const SECONDS: readonly [number, number] = [0, 100 * YEAR_S];

export const SETTINGS = {
  'api.pipeline_run_concurrency_limit': {
    type: 'integer',
    default: 200,
    range: COUNT,
    meaning: "Upper bound of a pipeline's own parallelism, and its value for pipelines that say 0.",
  },
  'api.global_run_concurrency_limit': {
    type: 'integer',
    default: 2_000,
    range: COUNT,
    meaning: 'Runs in flight in the whole service; further ones wait in order.',
  },
  'api.event_log_retention': {
    type: 'integer',
    default: 15_768_000,
    range: SECONDS,
    meaning: 'Events older than this are removed.',
  },
  'api.event_prune_interval': {
    type: 'integer',
    default: 604_800,
    range: [1, YEAR_S],
    meaning: 'Time between two removals of old events; also done at start.',
  },
  'api.log_level': {
    type: 'text',
    default: 'info',
    oneOf: ['trace', 'debug', 'info', 'warn', 'error', 'off'],
    meaning: 'How much the server logs.',
  },
  'api.task_execution_log_retention': {
    type: 'integer',
    default: 50,
    range: COUNT,
    meaning: 'Newest runs of each pipeline whose task logs are kept.',
  },
  'api.task_execution_stop_timeout': {
    type: 'integer',
    default: 300,
    range: SECONDS,
    meaning: 'Time between SIGTERM and SIGKILL when a run is cancelled or out of time; 0 = kill at once.',
  },
  'api.task_timeout_max': {
    type: 'integer',
    default: 0,
    range: SECONDS,
    meaning: 'Longest time of any task attempt; 0 = no limit.',
  },
  'api.run_timeout_max': {
    type: 'integer',
    default: 0,
    range: SECONDS,
    meaning: 'Longest time of any run; 0 = no limit.',
  },
  'server.bind_address': {
    type: 'text',
    default: '127.0.0.1:8080',
    meaning: 'Where the API listens, as ip:port. Port 0 takes a free one.',
  },
  'server.data_dir': {
    type: 'text',
    default: '',
    meaning: 'Directory of the embedded stores; empty = $XDG_DATA_HOME/gofer or ~/.local/share/gofer.',
  },
  'server.storage_path': {
    type: 'text',
    default: '',
    meaning: 'Directory of the state store; empty = <data_dir>/state.',
  },
  'server.shutdown_timeout': {
    type: 'integer',
    default: 15,
    range: [0, 3_600],
    meaning: 'Longest time that a stop waits for requests in flight.',
  },
  'server.drain_seconds': {
    type: 'integer',
    default: 5,
    range: [0, 3_600],
    meaning:
      'In a cluster: time that a stop goes on serving after /readyz has turned to 503, for the load balancer to notice. ' +
      'A node on the embedded store does not wait.',
  },
  'server.use_tls': { type: 'boolean', default: false, meaning: 'Serve HTTPS.' },
  'server.tls_cert_path': { type: 'text', default: '', meaning: 'File of the PEM certificate chain.' },
  'server.tls_key_path': { type: 'text', default: '', meaning: 'File of the PEM private key.' },
  'server.tls_client_ca_path': {
    type: 'text',
    default: '',
    meaning:
      'PEM file of an authority: only clients that show a certificate by it may connect, such as a load balancer.',
  },
  'development.pretty_logging': {
    type: 'boolean',
    default: true,
    meaning: 'Log lines for people; false = one JSON object a line.',
  },
  'development.bypass_auth': {
    type: 'boolean',
    default: true,
    meaning:
      'No tokens are asked for; allowed on a loopback address, or where every client shows a certificate. false = every request ' +
      'needs a token; the first one is made by POST /api/tokens/bootstrap, once.',
  },
  'state_store.engine': {
    type: 'text',
    default: 'lmdb',
    oneOf: ['lmdb', 'etcd'],
    meaning: 'Where state is kept: lmdb = embedded, one node; etcd = shared, any number of nodes.',
  },
  'state_store.etcd.endpoints': {
    type: 'text',
    default: 'http://127.0.0.1:2379',
    meaning: 'Addresses of the members of etcd, separated by commas; all http or all https.',
  },
  'state_store.etcd.prefix': {
    type: 'text',
    default: 'gofer/',
    meaning: 'Begins all our keys: two clusters on one etcd need two prefixes. Ends with a slash.',
  },
  'state_store.etcd.request_bytes_max': {
    type: 'integer',
    default: 1_500_000,
    range: [100_000, 10_000_000],
    meaning:
      'Largest write: a little below what etcd was started with (--max-request-bytes, 1572864 by default). The config of a ' +
      'pipeline is one write; thousands of tasks want more.',
  },
  'state_store.etcd.ca_path': {
    type: 'text',
    default: '',
    meaning: 'PEM file of the authority that etcd is certified by.',
  },
  'state_store.etcd.cert_path': { type: 'text', default: '', meaning: 'PEM file of the certificate shown to etcd.' },
  'state_store.etcd.key_path': { type: 'text', default: '', meaning: 'PEM file of its private key.' },
  'state_store.etcd.user': { type: 'text', default: '', meaning: 'User of etcd; empty = none.' },
  'state_store.etcd.password': { type: 'text', default: '', meaning: 'Its password. For the environment only.' },
  'cluster.name': {
    type: 'text',
    default: '',
    meaning: 'Name of this node, unique in its cluster and the same after each restart; empty = the host name.',
  },
  'cluster.bind_address': {
    type: 'text',
    default: '127.0.0.1:0',
    meaning: 'Where other nodes reach this one, as ip:port. Port 0 takes a free one. Only used with etcd.',
  },
  'cluster.advertise_address': {
    type: 'text',
    default: '',
    meaning: 'The address, as host:port, that other nodes are told; empty = the one that it listens on.',
  },
  'cluster.api_url': {
    type: 'text',
    default: '',
    meaning: 'Address of the API of this node, as others are told it; empty = the one that it listens on.',
  },
  'cluster.tls_ca_path': {
    type: 'text',
    default: '',
    meaning: 'PEM file of the authority of all nodes. Without TLS, nodes talk on loopback addresses only.',
  },
  'cluster.tls_cert_path': { type: 'text', default: '', meaning: "PEM file of this node's certificate." },
  'cluster.tls_key_path': { type: 'text', default: '', meaning: 'PEM file of its private key.' },
  'scheduler.engine': {
    type: 'text',
    default: 'auto',
    oneOf: ['auto', 'docker', 'process'],
    meaning: 'Where containers run; auto = docker when its daemon answers, else process.',
  },
  'scheduler.docker.host': {
    type: 'text',
    default: '',
    meaning:
      'Docker daemon: unix:///path, tcp://host:port or https://host:port; empty = $DOCKER_HOST or the usual socket.',
  },
  'scheduler.docker.tls_dir': {
    type: 'text',
    default: '',
    meaning: 'Directory of ca.pem, cert.pem and key.pem for a daemon behind TLS.',
  },
  'scheduler.docker.timeout': {
    type: 'integer',
    default: 10,
    range: [1, 86_400],
    meaning: 'Longest time of one short call to the daemon; pulls, starts and stops have limits of their own.',
  },
  'scheduler.docker.prune': { type: 'boolean', default: true, meaning: 'Remove our own left-over containers.' },
  'scheduler.docker.prune_interval': {
    type: 'integer',
    default: 604_800,
    range: [60, YEAR_S],
    meaning: 'Time between two removals of left-over containers.',
  },
  'scheduler.task_api_url': {
    type: 'text',
    default: '',
    meaning: 'Given to tasks as GOFER_API_BASE_URL; empty = the address that the API listens on.',
  },
  'scheduler.process.directory': {
    type: 'text',
    default: '',
    meaning:
      'Directory of the process engine; empty = <data_dir>/attempts. Several nodes on one machine have to share it.',
  },
  'object_store.engine': {
    type: 'text',
    default: 'filesystem',
    oneOf: ['filesystem'],
    meaning: 'Where objects and logs are kept.',
  },
  'object_store.filesystem.path': { type: 'text', default: '', meaning: 'Directory; empty = <data_dir>/objects.' },
  'object_store.filesystem.shared': {
    type: 'boolean',
    default: false,
    meaning: 'The directory is one that all nodes of the cluster see, such as a network share.',
  },
  'object_store.pipeline_object_limit': {
    type: 'integer',
    default: 50,
    range: COUNT,
    meaning: 'Objects that a pipeline keeps: a further one displaces the oldest.',
  },
  'object_store.run_object_expiry': {
    type: 'integer',
    default: 2,
    range: COUNT,
    meaning: 'Newest runs of each pipeline whose run objects are kept.',
  },
  'secret_store.engine': {
    type: 'text',
    default: 'sealed',
    oneOf: ['sealed'],
    meaning: 'Where secret values are kept.',
  },
  'secret_store.sealed.key_file': {
    type: 'text',
    default: '',
    meaning: 'Key ring; made at first start when it is absent. Empty = <data_dir>/secret.key.',
  },
  'secret_store.sealed.key': {
    type: 'text',
    default: '',
    meaning: 'A key instead of a file: 32 bytes as hex or base64. For the environment only.',
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingKey = keyof typeof SETTINGS;
type ValueOf<T extends SettingType> = T extends 'integer' ? number : T extends 'boolean' ? boolean : string;

/** All settings with their values, by key. */
export type ServerConfig = { readonly [K in SettingKey]: ValueOf<(typeof SETTINGS)[K]['type']> };

export const ENVIRONMENT_PREFIX = 'GOFER_WEB_';

/** `api.log_level` is `GOFER_WEB_API__LOG_LEVEL`. */
export function environmentName(key: string): string {
  return ENVIRONMENT_PREFIX + key.toUpperCase().replaceAll('.', '__');
}
