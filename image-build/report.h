/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a build for people: see report-html.c. */
#ifndef IMAGE_BUILD_REPORT_H
#define IMAGE_BUILD_REPORT_H

struct build;
struct error;
struct value;

/* NAME.html, from the report for programs and the finished tree. */
int
report_html(const struct build *b, const struct value *root, struct error *e);

#endif
