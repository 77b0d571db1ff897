// Limits on what users hand in. Each is far above honest use and low enough that the records fit in one transaction of the state
// store and in the memory of a small node.

/** Runs of this many tasks complete without quadratic cost; larger graphs are several pipelines. */
export const TASKS_MAX = 10_000;
/** Parents of all tasks together: bounds the graph however it is woven. */
export const DEPENDENCIES_MAX = 50_000;
export const VARIABLES_PER_TASK_MAX = 500;
export const VARIABLES_PER_RUN_MAX = 500;
export const VARIABLE_KEY_BYTES_MAX = 256;
/** Linux gives one environment string 128 KiB, its name included. */
export const VARIABLE_VALUE_BYTES_MAX = 131_072 - 1_024;
/** Arguments of a command; the kernel's own limit on all of them together is about 2 MiB. */
export const ARGUMENTS_MAX = 1_000;
export const ARGUMENT_BYTES_MAX = 131_071;
export const NAME_BYTES_MAX = 1_024;
export const DESCRIPTION_BYTES_MAX = 65_536;
export const IMAGE_BYTES_MAX = 1_024;
/** A config is one record, and etcd takes 1.5 MiB in a request by default. A 10,000-task config of plain tasks has about 1 MB. */
export const CONFIG_BYTES_MAX = 6_000_000;
/** A run's variables are part of its record. */
export const RUN_VARIABLES_BYTES_MAX = 262_144;
export const PARALLELISM_MAX = 1_000_000;
export const RETRIES_MAX = 100;
/** A week: a longer wait is a schedule. */
export const BACKOFF_MAX_S = 604_800;
/** Ten years. */
export const TIMEOUT_MAX_S = 315_360_000;
export const CPU_MILLIS_MAX = 1_000_000;
export const MEMORY_MIB_MAX = 16_777_216;
/** Problems listed in one answer: more help nobody. */
export const PROBLEMS_MAX = 20;
export const ROLE_PERMISSIONS_MAX = 100;
export const PERMISSION_RESOURCES_MAX = 100;
export const TOKEN_ROLES_MAX = 100;
export const TOKEN_METADATA_MAX = 100;
export const TOKEN_METADATA_BYTES_MAX = 16_384;
