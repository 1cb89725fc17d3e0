#!/bin/sh
# Every signal arrives, also when those who bring it are killed and the server
# fails and dies: the benchmark's question, asked of fewer.
exec bench/outbox --bin "$BUILD/bin" --signals 200 --dead 3 --kill 0.7
