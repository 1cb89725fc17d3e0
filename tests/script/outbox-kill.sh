#!/bin/sh
# Every signal arrives, also when those who bring it are killed and the server
# fails and dies: the benchmark's question, asked of fewer.
exec bench/outbox --bin "$BUILD/bin" --signals 60 --fail 20 --dead 2 \
	--kills 12 --limit 55
