/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and ports: text to numbers, and sockets bound to them. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "image-run/image-run.h"
#include "lib/error.h"
#include "lib/mem.h"

/* Where QEMU's user-mode network shows our loopback address. */
#define GUEST_GATEWAY "10.0.2.2"

/* Decimal digits up to 65535, to the end of text. */
static bool
parse_port(const char *text, uint16_t *port)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)*text) || strlen(text) > 5)
		return false;
	n = strtoul(text, &end, 10);
	if (*end != '\0' || n > 65535)
		return false;
	*port = (uint16_t)n;
	return true;
}

int
endpoint_parse(const char *text, struct endpoint *p, struct error *e)
{
	const char *colon = strrchr(text, ':');
	own_free char *address = NULL;
	struct in_addr in;
	uint16_t port;

	if (colon == NULL || !parse_port(colon + 1, &port))
		return error_set(e, EINVAL, "%s: ADDRESS:PORT is wanted", text);
	address = mem_dupn(text, (size_t)(colon - text));
	if (inet_pton(AF_INET, address, &in) != 1)
		return error_set(e, EINVAL, "%s: not an IPv4 address", address);
	*p = (struct endpoint){ .address = ntohl(in.s_addr), .port = port };
	return 0;
}

int
forward_parse(const char *text, struct forward *f, struct error *e)
{
	const char *colon = strchr(text, ':');
	own_free char *host = NULL;
	uint16_t host_port, guest_port;

	if (colon != NULL)
		host = mem_dupn(text, (size_t)(colon - text));
	if (host == NULL || !parse_port(host, &host_port) ||
	    !parse_port(colon + 1, &guest_port) || guest_port == 0)
		return error_set(
		    e, EINVAL, "%s: HOSTPORT:GUESTPORT is wanted", text);
	*f = (struct forward){
		.host = { .address = ADDRESS_LOOPBACK, .port = host_port },
		.guest = guest_port,
	};
	return 0;
}

char *
endpoint_text(const struct endpoint *p)
{
	uint32_t a = p->address;

	return mem_printf("%u.%u.%u.%u:%u", a >> 24, a >> 16 & 0xff,
	    a >> 8 & 0xff, a & 0xff, p->port);
}

char *
endpoint_guest_url(const struct endpoint *p)
{
	own_free char *text = endpoint_text(p);

	if (p->address >> 24 == 127 || p->address == INADDR_ANY)
		return mem_printf(
		    "http://" GUEST_GATEWAY ":%u/metadata", p->port);
	return mem_printf("http://%s/metadata", text);
}

int
endpoint_bind(struct endpoint *p, struct error *e)
{
	own_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	own_free char *text = endpoint_text(p);
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(p->address),
		.sin_port = htons(p->port) };
	socklen_t len = sizeof(in);
	const int on = 1;

	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) == -1)
		return error_errno(e, "%s", text);
	p->port = ntohs(in.sin_port);
	return take_fd(&fd);
}

/* ---- the Host header --------------------------------------------------- */

/* Labels of letters, digits and inner hyphens, with dots between. */
static bool
is_name(const char *s, size_t n)
{
	size_t label = 0;

	if (n == 0 || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool last = i + 1 == n || s[i + 1] == '.';

		if (s[i] == '.' && label > 0) {
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' &&
		    (s[i] != '-' || label == 0 || last))
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0;
}

bool
host_is_valid(const char *text)
{
	const char *end = text;
	uint16_t port;

	if (*text == '[') {
		own_free char *address = NULL;
		struct in6_addr in;

		end = strchr(text, ']');
		if (end == NULL)
			return false;
		address = mem_dupn(text + 1, (size_t)(end - text - 1));
		if (inet_pton(AF_INET6, address, &in) != 1)
			return false;
		end++;
	} else {
		end += strcspn(text, ":");
		if (!is_name(text, (size_t)(end - text)))
			return false;
	}
	return *end == '\0' ||
	    (*end == ':' && parse_port(end + 1, &port) && port != 0);
}
