/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, ports and Host headers as text. */
#include "image-run/image-run.h"
#include "lib/error.h"
#include "tests/unit/check.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

static const struct {
	const char *in, *text, *url; /* text NULL: refused */
} endpoints[] = {
	{ "127.0.0.1:0", "127.0.0.1:0", "http://10.0.2.2:0/metadata" },
	{ "127.0.0.2:80", "127.0.0.2:80", "http://10.0.2.2:80/metadata" },
	{ "0.0.0.0:65535", "0.0.0.0:65535", "http://10.0.2.2:65535/metadata" },
	{ "192.0.2.7:8000", "192.0.2.7:8000",
	    "http://192.0.2.7:8000/metadata" },
	{ "", NULL, NULL },
	{ "127.0.0.1", NULL, NULL },
	{ "8080", NULL, NULL },
	{ ":8080", NULL, NULL },
	{ "127.0.0.1:", NULL, NULL },
	{ "127.0.0.1:65536", NULL, NULL },
	{ "127.0.0.1:-1", NULL, NULL },
	{ "127.0.0.1:+1", NULL, NULL },
	{ "127.0.0.1: 1", NULL, NULL },
	{ "127.0.0.1:000080", NULL, NULL },
	{ "127.0.0.256:80", NULL, NULL },
	{ "127.1:80", NULL, NULL },
	{ "localhost:80", NULL, NULL },
	{ "::1:80", NULL, NULL },
};

static void
endpoints_are_read(void)
{
	for (size_t i = 0; i < COUNT(endpoints); i++) {
		struct endpoint p;
		struct error e = { 0 };
		own_free char *text = NULL, *url = NULL;
		int r = endpoint_parse(endpoints[i].in, &p, &e);

		CHECK((r == 0) == (endpoints[i].text != NULL));
		if (r == -1) {
			CHECK(e.text[0] != '\0');
			continue;
		}
		text = endpoint_text(&p);
		url = endpoint_guest_url(&p);
		CHECK_STR(text, endpoints[i].text);
		CHECK_STR(url, endpoints[i].url);
	}
}

static const struct {
	const char *in;
	int host, guest; /* guest 0: refused */
} forwards[] = {
	{ "8080:80", 8080, 80 },
	{ "0:80", 0, 80 },
	{ "65535:65535", 65535, 65535 },
	{ "80", 0, 0 },
	{ ":80", 0, 0 },
	{ "80:", 0, 0 },
	{ "80:0", 0, 0 },
	{ "80:80:80", 0, 0 },
	{ "a:80", 0, 0 },
	{ "80,x:80", 0, 0 },
	{ "80:80,guestfwd=x", 0, 0 },
	{ "99999:80", 0, 0 },
};

static void
forwards_are_read(void)
{
	for (size_t i = 0; i < COUNT(forwards); i++) {
		struct forward f = { 0 };
		struct error e = { 0 };
		int r = forward_parse(forwards[i].in, &f, &e);

		CHECK((r == 0) == (forwards[i].guest != 0));
		CHECK(f.host.port == forwards[i].host);
		CHECK(f.guest == forwards[i].guest);
		if (r == 0)
			CHECK(f.host.address == ADDRESS_LOOPBACK);
	}
}

static const struct {
	const char *text;
	bool valid;
} hosts[] = {
	{ "10.0.2.2", true },
	{ "10.0.2.2:8000", true },
	{ "localhost:1", true },
	{ "a-b.example.org:65535", true },
	{ "name_with_underscore", true },
	{ "[::1]", true },
	{ "[fe80::1]:8000", true },
	{ "", false },
	{ ":80", false },
	{ "host:", false },
	{ "host:0", false },
	{ "host:65536", false },
	{ "host:80x", false },
	{ "host:80:80", false },
	{ "host/path", false },
	{ "user@host", false },
	{ "ho st", false },
	{ "host\"", false },
	{ "host?x", false },
	{ "host#x", false },
	{ "h\xc3\xb6st", false },
	{ "host..org", false },
	{ ".host", false },
	{ "host.", false },
	{ "-host", false },
	{ "host-", false },
	{ "host-.org", false },
	{ "[::1", false },
	{ "[::1]x", false },
	{ "[]", false },
	{ "[10.0.2.2]", false },
	{ "[::1%eth0]", false },
	{ "::1", false },
	{ "a23456789012345678901234567890123456789012345678901234567890123",
	    true },
	{ "a234567890123456789012345678901234567890123456789012345678901234",
	    false },
};

static void
hosts_are_judged(void)
{
	char many[300];

	for (size_t i = 0; i < COUNT(hosts); i++)
		if (host_is_valid(hosts[i].text) != hosts[i].valid) {
			printf("%s\n", hosts[i].text);
			CHECK(!"judged rightly");
		}
	for (size_t i = 0; i < sizeof(many) - 1; i++)
		many[i] = i % 2 ? '.' : 'a';
	many[299] = '\0';
	CHECK(!host_is_valid(many));
	many[253] = '\0';
	CHECK(host_is_valid(many));
}

static void
a_bound_port_is_kept(void)
{
	struct endpoint a = { .address = ADDRESS_LOOPBACK }, b, c = a;
	struct error e = { 0 };
	own_fd int first = endpoint_bind(&a, &e);
	own_fd int second = -1;
	own_fd int third = -1;

	CHECK(first != -1 && a.port != 0);
	/* Whom we tell may still listen on it ... */
	b = a;
	second = endpoint_bind(&b, &e);
	CHECK(second != -1 && b.port == a.port);
	CHECK(listen(second, 1) == 0);
	/* ... but then nobody else can. */
	third = endpoint_bind(&b, &e);
	CHECK(third == -1);
	CHECK(strstr(e.text, "127.0.0.1:") != NULL);
	third = endpoint_bind(&c, &e);
	CHECK(third != -1 && c.port != a.port);
}

int
main(void)
{
	endpoints_are_read();
	forwards_are_read();
	hosts_are_judged();
	a_bound_port_is_kept();
	return check_result();
}
