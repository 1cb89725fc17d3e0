/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound on foreign input, in one table. */
#ifndef LIB_LIMITS_H
#define LIB_LIMITS_H

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

/* Documents: metadata, configuration, element files. */
#define LIMIT_DOC_BYTES MIB(256) /* one JSON file or body */
#define LIMIT_DOC_DEPTH 512 /* nested lists and maps */
#define LIMIT_YAML_BYTES MIB(64) /* one YAML file */
#define LIMIT_YAML_NODES 5000000 /* after aliases are expanded */
#define LIMIT_READ_SECONDS 60 /* for a pipe to say more */
#define LIMIT_TEXT_BYTES MIB(16) /* small text files read whole */
#define LIMIT_CONTENTS_BYTES MIB(256) /* the list of what an image holds */
#define LIMIT_PACK_INDEX MIB(64) /* what a pack says of its pieces */

/* Templates and what they become. */
#define LIMIT_TEMPLATE_BYTES MIB(64) /* one template */
#define LIMIT_TEMPLATE_DEPTH 256 /* nested sections, partials, blocks */
#define LIMIT_TEMPLATE_STEPS 100000000 /* of work in one rendering */
#define LIMIT_RENDERED_BYTES MIB(64) /* one rendered file */
#define LIMIT_TEMPLATES 100000 /* in one tree */
#define LIMIT_TEMPLATE_SECONDS 300 /* a program that is a template */
#define LIMIT_STATE_BYTES MIB(1024) /* a journal with the files it replaces */
#define LIMIT_VALIDATE_SECONDS 60 /* a program that checks a new file */

/* Programs that we run. */
#define LIMIT_SCRIPT_SECONDS 1800 /* a hook */
#define LIMIT_BUILD_SECONDS 14400 /* an element's script */
#define LIMIT_ASK_SECONDS 60 /* a program that is asked for metadata */
#define LIMIT_COMMAND_SECONDS 86400 /* an agent's command: many hooks */
#define LIMIT_LINE_BYTES KIB(64) /* one line of a child's output */
#define LIMIT_CAPTURE_BYTES MIB(64) /* output kept whole */
#define LIMIT_TAIL_BYTES KIB(4) /* output kept for a report */
#define LIMIT_SHOWN_BYTES 600 /* of it, in an error */
#define LIMIT_ENV_BYTES MIB(4) /* an environment that bash printed */

/* Names and counts. */
#define LIMIT_PARTS 10000 /* scripts in one folder */
#define LIMIT_TAR_ENTRIES 5000000 /* in one archive or file system */
#define LIMIT_ENTRY_BYTES 16 /* of an archive for each entry, beyond ... */
#define LIMIT_ENTRY_SLACK 100000
#define LIMIT_TREE_BYTES MIB(262144) /* unpacked from one archive */
#define LIMIT_UNPACK_TIMES 200 /* as large as the archive, beyond ... */
#define LIMIT_UNPACK_SLACK MIB(1024)
#define LIMIT_ELEMENTS 20000 /* elements in one build */
#define LIMIT_LAYOUT_NODES 1024 /* in one block-device description */

/* Messages that wait to be sent. */
#define LIMIT_OUTBOX 100000 /* messages looked at in one go */
#define LIMIT_MESSAGE_BYTES MIB(16) /* one message, as a file */
#define LIMIT_TOKEN_BYTES MIB(4) /* Keystone's answer, with its catalog */

/* The network. */
#define LIMIT_HTTP_BODY MIB(64)
#define LIMIT_FETCH_BYTES MIB(2048) /* what elements fetch */
#define LIMIT_BASE_BYTES MIB(65536) /* an image to begin with */
#define LIMIT_HTTP_HEADER KIB(256)
#define LIMIT_HTTP_CONNECT_SECONDS 10
#define LIMIT_HTTP_SECONDS 60
#define LIMIT_HTTP_SLOWEST 64 /* bytes a second; less counts as silence */
#define LIMIT_HTTP_DEAD_SECONDS 60 /* without a word from its kernel */
#define LIMIT_HTTP_REDIRECTS 5
#define LIMIT_REPORT_BYTES MIB(4) /* what a machine reports */

#endif
