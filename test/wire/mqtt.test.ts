import t from 'tap';
import { toHex } from '../../src/base/bytes.ts';
import {
  MQTT_DISCONNECT,
  mqttConnect,
  mqttPublish,
  mqttRefusal,
  readMqttAnswer,
} from '../../src/wire/mqtt.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

t.test('what is sent', async (t) => {
  const plain = mqttConnect({ clientId: 'gh', username: '', password: 'x' }, 60);
  t.equal(toHex(plain), '100e00044d5154540402003c00026768');
  const named = mqttConnect({ clientId: 'gh', username: 'u', password: 'p' }, 60);
  t.equal(toHex(named), '101400044d51545404c2003c00026768000175000170');
  t.equal(toHex(mqttPublish('a/b', 7, '{}')), '32090003612f6200077b7d');
  t.equal(toHex(mqttPublish('a', 1, 'x'.repeat(200)).subarray(0, 3)), '32cd01');
  t.equal(toHex(MQTT_DISCONNECT), 'e000');
});

t.test('what is answered', async (t) => {
  t.same(readMqttAnswer(bytes('20020005')), {
    ...{ ok: true, value: { answer: { type: 'connack', refused: 5 }, length: 4 } },
  });
  t.same(readMqttAnswer(bytes('40020007aa')), {
    ...{ ok: true, value: { answer: { type: 'puback', id: 7 }, length: 4 } },
  });
  for (const part of ['', '20', '2002', '200200']) {
    t.same(readMqttAnswer(bytes(part)), { ok: true, value: undefined }, part);
  }
  for (const [wrong, field] of [
    ['3002', 'type'],
    ['2003', 'remaining length'],
    ['20020200', 'acknowledge flags'],
  ] as const) {
    t.match(readMqttAnswer(bytes(wrong)), { ok: false, error: { field } }, wrong);
  }
  t.match(mqttRefusal(4), /password/);
  t.match(mqttRefusal(99), /99/);
});
