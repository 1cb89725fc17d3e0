/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk for libext2fs, which opens one by a name: ours is the address of the
 * source, which is open already.  Only reading is there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/disk.h"
#include "lib/ext4-private.h"
#include "lib/mem.h"

static errcode_t
channel_open(const char *name, int flags, io_channel *out)
{
	io_channel io;
	void *address = NULL;

	(void)flags;
	if (sscanf(name, "%p", &address) != 1 || address == NULL)
		return EXT2_ET_BAD_DEVICE_NAME;
	io = mem_alloc(sizeof(*io));
	io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	io->manager = ext4_io;
	io->name = mem_dup(name);
	io->private_data = address;
	io->block_size = 1024;
	io->refcount = 1;
	*out = io;
	return 0;
}

static errcode_t
channel_close(io_channel io)
{
	if (--io->refcount > 0)
		return 0;
	free(io->name);
	free(io);
	return 0;
}

static errcode_t
channel_set_blksize(io_channel io, int size)
{
	io->block_size = size;
	return 0;
}

/* A negative count is one of bytes. */
static errcode_t
channel_read_blk64(io_channel io, unsigned long long block, int count, void *to)
{
	const struct ext4_source *from = io->private_data;
	uint64_t at = from->offset, size = (uint64_t)io->block_size;
	size_t n = count < 0 ? (size_t)-count : (size_t)count * size;

	if (block > (INT64_MAX - at) / size)
		return EIO;
	return disk_read(from->disk, to, n, at + block * size) == -1 ? errno
								     : 0;
}

static errcode_t
channel_read_blk(io_channel io, unsigned long block, int count, void *to)
{
	return channel_read_blk64(io, block, count, to);
}

static errcode_t
channel_flush(io_channel io)
{
	(void)io;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "disk",
	.open = channel_open,
	.close = channel_close,
	.set_blksize = channel_set_blksize,
	.read_blk = channel_read_blk,
	.read_blk64 = channel_read_blk64,
	.flush = channel_flush,
};

const io_manager ext4_io = &manager;

char *
ext4_io_name(const struct ext4_source *from)
{
	return mem_printf("%p", (const void *)from);
}
