/*
 * crash.h: faults and endless loops of the code under test. Inside the model checker.
 */
#ifndef SLEY_MODEL_CRASH_H
#define SLEY_MODEL_CRASH_H

/* From now on these are failures of the execution. Once; children of this process inherit it. */
void crash_watch(void);

#endif
