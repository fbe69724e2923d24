/*
 * attr: the compiler attributes that the code uses, under names of our own.
 *
 * The second half names clang's thread-safety analysis, which `make lint` runs.  In C it
 * cannot name a sibling member, so a lock's members are listed in the comment at the
 * lock, and functions carry the annotations.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_ATTR_H
#define BIO_BASE_ATTR_H

#ifdef NDEBUG
#error "asserts stay on: they check the program itself, and pthread calls"
#endif

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NO_INLINE __attribute__((noinline))
#define NO_RETURN __attribute__((noreturn))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#if defined(__clang__)
#define THREAD_ATTR(x) __attribute__((x))
#else
#define THREAD_ATTR(x)
#endif
#define CAPABILITY(name) THREAD_ATTR(capability(name))
#define ACQUIRES(l) THREAD_ATTR(acquire_capability(l))
#define RELEASES(l) THREAD_ATTR(release_capability(l))
#define REQUIRES(l) THREAD_ATTR(requires_capability(l))
#define UNCHECKED_LOCKING THREAD_ATTR(no_thread_safety_analysis)

#endif
