#!/bin/sh
#SBATCH --job-name=lethe-study
#SBATCH --array=1-8
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --requeue
# A study in as many shards as the array has tasks, on a file system that all nodes
# share: sbatch --export=ALL,STUDY=study.yaml study-slurm.sh
# SHARDS says how many where only some tasks are submitted again, as by --array=3.
# A task that is killed or requeued goes on where it was. Results depend on the
# instruction set in their last bits, and so do the keys of cells: where nodes
# differ, name one that all have, for example KERNELS_ISA=avx2.
# The last task to end writes the tables; the same command without --shard does, too.
set -eu
exec "${LETHE:-lethe}" study "${STUDY:-study.yaml}" --threads "${SLURM_CPUS_PER_TASK:-0}" --shard "$SLURM_ARRAY_TASK_ID/${SHARDS:-$SLURM_ARRAY_TASK_COUNT}"
