/* SPDX-License-Identifier: Apache-2.0 */
/* Stand-in for a fuzz engine: run the target once over each file named. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		uint8_t *p = malloc(1 << 20);
		size_t n;

		if (f == NULL || p == NULL)
			return 1;
		n = fread(p, 1, 1 << 20, f);
		fclose(f);
		LLVMFuzzerTestOneInput(p, n);
		free(p);
	}
	return 0;
}
