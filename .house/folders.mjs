// The top folders with code: all that there are, as the architecture names them.

export const FOLDERS = ['api', 'chaos', 'cluster', 'cmd', 'extensions', 'scheduler', 'sdk', 'store', 'test'];
