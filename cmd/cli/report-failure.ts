// What a failure looks like to the user, and which exit code it has.

import { isApiError } from '../../sdk/client/client.ts';
