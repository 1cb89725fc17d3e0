/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait for a round, take pieces from it, and wait again. */
#include "lib/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/mem.h"

struct member {
	struct pool *pool;
	pthread_t thread;
	unsigned number; /* 0 is the caller */
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t begin, end;
	struct member *members;
	unsigned n; /* the caller included */
	bool stop;
	pool_work *work;
	void *ctx;
	size_t pieces, next, done; /* of this round; next: not yet taken */
};

unsigned
pool_processors(void)
{
	cpu_set_t set;
	int n;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) == -1)
		return 1;
	n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > POOL_MOST ? POOL_MOST : (unsigned)n;
}

/*
 * Take pieces until none is left; the lock is held but for the work.  Who
 * comes too late for a round is not waited for.
 */
static void
work_off(struct pool *p, unsigned number)
{
	while (p->next < p->pieces) {
		size_t piece = p->next++;

		pthread_mutex_unlock(&p->lock);
		p->work(p->ctx, piece, number);
		pthread_mutex_lock(&p->lock);
		if (++p->done == p->pieces)
			pthread_cond_signal(&p->end);
	}
}

static void *
member_run(void *arg)
{
	struct member *m = arg;
	struct pool *p = m->pool;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		work_off(p, m->number);
		if (!p->stop)
			pthread_cond_wait(&p->begin, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are for the main thread. */
static void
start_members(struct pool *p, unsigned threads)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (p->n = 1; p->n < threads; p->n++) {
		struct member *m = &p->members[p->n];

		*m = (struct member){ .pool = p, .number = p->n };
		if (pthread_create(&m->thread, NULL, member_run, m) != 0)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct pool *
pool_new(unsigned threads)
{
	struct pool *p = mem_alloc(sizeof(*p));

	if (threads > POOL_MOST)
		threads = POOL_MOST;
	p->members = mem_alloc((threads + 1) * sizeof(*p->members));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->begin, NULL);
	pthread_cond_init(&p->end, NULL);
	start_members(p, threads);
	return p;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	p->pieces = p->next; /* of a round that was not ended */
	pthread_cond_broadcast(&p->begin);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 1; i < p->n; i++)
		pthread_join(p->members[i].thread, NULL);
	pthread_cond_destroy(&p->begin);
	pthread_cond_destroy(&p->end);
	pthread_mutex_destroy(&p->lock);
	free(p->members);
	free(p);
}

void
pool_begin(struct pool *p, pool_work *work, void *ctx)
{
	pthread_mutex_lock(&p->lock);
	p->work = work;
	p->ctx = ctx;
	p->pieces = p->next = p->done = 0;
	pthread_mutex_unlock(&p->lock);
}

void
pool_add(struct pool *p, size_t n)
{
	pthread_mutex_lock(&p->lock);
	p->pieces += n;
	if (n == 1)
		pthread_cond_signal(&p->begin);
	else
		pthread_cond_broadcast(&p->begin);
	pthread_mutex_unlock(&p->lock);
}

void
pool_end(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	work_off(p, 0);
	while (p->done < p->pieces)
		pthread_cond_wait(&p->end, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void
pool_run(struct pool *p, pool_work *work, void *ctx, size_t n)
{
	pool_begin(p, work, ctx);
	pool_add(p, n);
	pool_end(p);
}

unsigned
pool_threads(const struct pool *p)
{
	return p->n;
}
