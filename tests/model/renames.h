/*
 * renames.h: read before everything else in what the model checker compiles.
 *
 * Memory from the C library, and the functions that touch memory in bulk, go to the engine: so it
 * knows what has been given back, hands out the same addresses in each execution, and sees races on
 * what memset writes. By renaming and not by the linker's --wrap, because the compiler would put
 * small ones in place without telling anybody; and because the engine itself wants the real ones.
 * A struct member called `free` is renamed too, everywhere alike, which does no harm.
 */
#ifndef SLEY_MODEL_RENAMES_H
#define SLEY_MODEL_RENAMES_H

#define malloc        model_malloc
#define calloc        model_calloc
#define realloc       model_realloc
#define aligned_alloc model_aligned_alloc
#define free          model_free
#define memset        model_memset
#define memcpy        model_memcpy
#define memmove       model_memmove

#endif
