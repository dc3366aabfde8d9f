'use strict'

/*
 * An AS2 peer on libas2: `node --security-revert=CVE-2023-46809 peer.js FOLDER-OF-KEYS`.
 *
 * A request is a line on standard input, `verb TAB name:base64 TAB name:base64 ...`; its answer is a line on standard
 * output that begins with `ok` or `error`. Keys are FOLDER/NAME.key and FOLDER/NAME.crt, PEM (PKCS#8).
 */

const fs = require('fs')
const path = require('path')
const readline = require('readline')
const { AS2Crypto, AS2Disposition, AS2MimeNode, AS2Parser } = require('libas2')
const { AS2SignedData } = require('libas2/dist/src/AS2Crypto/AS2SignedData')

const MESSAGE_DIGEST = '1.2.840.113549.1.9.4' // RFC 5652, 11.2

const folder = process.argv[2]
const answers = process.stdout.write.bind(process.stdout)
console.log = console.error

const file = name => fs.readFileSync(path.join(folder, name), 'utf8')
const certificate = name => file(name + '.crt')
const key = name => file(name + '.key')
const dashed = digest => digest.toLowerCase().replace(/^sha-?/, 'sha-')
const plain = digest => digest.toLowerCase().replace('sha-', 'sha')
const cipher = name => name === '3des' ? 'des-EDE3-CBC' : name.slice(0, -3) + name.slice(-3).toUpperCase()

/* Asked: payload, type, name, me, you, sign, encrypt. Answered: entity, and of a signed one mic and mic_algorithm. */
async function build (asked) {
  const text = asked.text('type').startsWith('text/')
  let node = new AS2MimeNode({
    content: text ? asked.text('payload') : asked.bytes('payload'),
    contentType: asked.text('type'),
    filename: asked.text('name') || undefined,
    messageId: '<built@libas2>'
  })
  let found = {}
  if (asked.text('compress')) node = await AS2Crypto.compress(node)
  if (asked.text('sign')) {
    node = await node.sign(signing(asked))
    found = { mic: signedDigest(node.childNodes[1].content), mic_algorithm: asked.text('sign') }
  }
  if (asked.text('encrypt')) {
    node = await node.encrypt({ cert: certificate(asked.text('you')), encryption: cipher(asked.text('encrypt')) })
  }
  return { entity: await node.build(), ...found }
}

/* The digest in a signature that libas2 made: the MIC that its sender expects back. It has no call that tells it. */
function signedDigest (signature) {
  const { attributes } = new AS2SignedData(Buffer.alloc(0), signature).signed.signerInfos[0].signedAttrs
  const digest = attributes.find(each => each.type === MESSAGE_DIGEST).values[0].valueBlock.valueHex
  return Buffer.from(digest).toString('base64')
}

const signing = asked =>
  ({ cert: certificate(asked.text('me')), key: key(asked.text('me')), algorithm: dashed(asked.text('sign')) })

async function mic (node, signer) {
  const verified = await AS2Crypto.verify(node, { cert: certificate(signer) }, true)
  if (!verified) throw new Error('the signature is wrong')
  return { mic: verified.digest.toString('base64'), mic_algorithm: plain(verified.algorithm) }
}

/* Asked: entity, me, you. Answered: payload, type, name, layers, mic and mic_algorithm where it is signed. */
async function open (asked) {
  let node = await AS2Parser.parse(asked.bytes('entity'))
  let found = {}
  const layers = []
  if (node.encrypted || node.smimeType === 'authenveloped-data') {
    layers.push('encrypted')
    node = await node.decrypt({ cert: certificate(asked.text('me')), key: key(asked.text('me')) })
  }
  if (node.signed) {
    layers.push('signed')
    found = await mic(node, asked.text('you'))
    node = node.childNodes[0]
  }
  if (node.compressed) node = await AS2Crypto.decompress(node)
  const payload = node.content === undefined ? Buffer.alloc(0) : Buffer.from(node.content)
  return { payload, type: node.contentType, name: node.filename || '', layers: layers.join(' '), ...found }
}

/* Asked: message_id, disposition, mic, mic_algorithm, recipient, me, sign. Answered: entity. */
async function buildMdn (asked) {
  const [, state, modifier] = /;\s*(\w+)(?:\/(.*))?$/u.exec(asked.text('disposition'))
  const disposition = { processed: state === 'processed', type: 'automatic-action' }
  if (modifier) disposition.description = { type: modifier.split(':')[0], text: modifier.split(':').slice(1).join(':').trim() }
  const notification = {
    originalMessageId: asked.text('message_id'),
    finalRecipient: asked.text('recipient'),
    disposition
  }
  if (asked.text('mic')) {
    notification.receivedContentMic = { mic: asked.text('mic'), algorithm: dashed(asked.text('mic_algorithm')) }
  }
  let node = new AS2Disposition({ explanation: 'The message was taken in.', notification }).toMimeNode()
  if (asked.text('sign')) node = await node.sign(signing(asked))
  return { entity: await node.build() }
}

/* Asked: entity, you. Answered: signed (the digest, or empty), message_id, disposition, mic, mic_algorithm. */
async function readMdn (asked) {
  const node = await AS2Parser.parse(asked.bytes('entity'))
  const signature = node.signed ? await mic(node, asked.text('you')) : {}
  const { notification } = await AS2Disposition.incoming(node, node.signed ? { cert: certificate(asked.text('you')) } : undefined)
  const { disposition, receivedContentMic } = notification
  const { type, text } = disposition.description || {}
  const description = type ? '/' + type + (text ? ': ' + text : '') : ''
  return {
    signed: signature.mic_algorithm || '',
    message_id: notification.originalMessageId,
    disposition: disposition.type + '/' + disposition.value + '; ' + (disposition.processed ? 'processed' : 'failed') + description,
    mic: receivedContentMic ? receivedContentMic.mic : '',
    mic_algorithm: receivedContentMic ? receivedContentMic.algorithm : ''
  }
}

const verbs = { build, open, build_mdn: buildMdn, read_mdn: readMdn }

async function answer (line) {
  const [verb, ...parts] = line.split('\t')
  const values = new Map(parts.map(each => [each.slice(0, each.indexOf(':')), Buffer.from(each.slice(each.indexOf(':') + 1), 'base64')]))
  const bytes = name => values.get(name) || Buffer.alloc(0)
  try {
    return written('ok', await verbs[verb]({ bytes, text: name => bytes(name).toString('utf8') }))
  } catch (error) {
    return written('error', { why: String(error) })
  }
}

const written = (word, fields) =>
  [word, ...Object.entries(fields).map(([name, value]) => name + ':' + Buffer.from(value).toString('base64'))].join('\t')

async function serve () {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    answers((await answer(line)) + '\n')
  }
}

serve()
