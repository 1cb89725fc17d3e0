/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of XML 1.0 as services answer with: elements, attributes (passed
 * over), text, character references, CDATA.  A document type is refused, so
 * there are no entities to expand.
 */
#ifndef COLLECT_CONFIG_XML_H
#define COLLECT_CONFIG_XML_H

#include <stddef.h>

struct error;
struct strbuf;

/*
 * Add to b the text of the first element at a path like "A/B/C" from the
 * root element, without regard to namespace prefixes.  Returns 0; 1 when
 * there is no such element; -1 when the document is not well formed.
 */
int xml_find(const char *text, size_t n, const char *path, struct strbuf *b,
    struct error *e);

#endif
