// Variables arrive as environment. Those of a run win over those written here: try
// `gofer run start variables --variable GREETING=Servus`.

import { pipeline, task } from 'gofer/sdk';

const show = 'echo "$GREETING, $NAME! This is run $GOFER_RUN_ID of $GOFER_NAMESPACE/$GOFER_PIPELINE_ID."';

pipeline('variables', 'Variables')
  .tasks(
    task('greet', 'alpine:3.22').variable('GREETING', 'Hello').variables({ NAME: 'world' }).command('sh', '-c', show),
  )
  .finish();
