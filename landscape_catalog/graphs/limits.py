"""What is computed side by side; free of torch, because jobs are planned accordingly."""

# A stack of one network rounds differently from a stack of several. The largest one is that of
# batch-norm statistics; training and curves are grouped by the jobs that compute them.
SMALLEST_STACK, LARGEST_STACK = 2, 8
# In stacks, batches have a multiple of so many samples, because a network's rows of memory must
# begin where vectors of numbers do: otherwise products of small matrices depend on its place.
BATCH_MULTIPLE = 8
# Number of elements of a batch's largest value up to which call overhead outweighs arithmetic. It
# affects numbers: see `training.grouping`.
SMALL_VALUE = 2**16
