/** What a service's command answers: `{status, message, data}`, alike on ubus, HTTP and the command line. */
import type { CommandAnswer } from '../edge/ubus/gatehouse.ts';

export const done = (data: object | null = null): CommandAnswer => ({
  status: 'success',
  message: null,
  data,
});

export const failed = (message: string, data: object | null = null): CommandAnswer => ({
  status: 'error',
  message,
  data,
});
