-- The catalog. The schema `core` holds the tables of data/catalog/*.parquet unchanged.
-- Query the views: `cells` has one wide row per cell, the others mirror the tables.
CREATE SCHEMA core;

-- One row: an experiment.
CREATE TABLE core.experiments (
    experiment_id VARCHAR,  -- hash of the ids of its runs and measurements
    classification_id VARCHAR,  -- hash of the experiment and its thresholds
    dataset VARCHAR,  -- name of the dataset
    model VARCHAR,  -- name of the network
    kind VARCHAR,  -- kind of the data: `images`, `text` or `points`
    connectivity_unit VARCHAR,  -- unit of mode connectivity (of the first curve)
    n_cells BIGINT,  -- number of cells in the grid
    n_runs BIGINT,  -- number of runs in the grid
    axes VARCHAR,  -- JSON: path and values of each axis, in order
    variants VARCHAR,  -- JSON: names of the variants, `base` first
    spec VARCHAR,  -- JSON: the sections of params.yaml that determine the results
    classify VARCHAR,  -- JSON: the thresholds
    performance_metric VARCHAR  -- the test metric by which cells of this task are ranked
);

-- One row: a probe, i.e. one configuration in which a metric is measured.
CREATE TABLE core.probes (
    experiment_id VARCHAR,  -- the experiment
    position BIGINT,  -- position in the order of params.yaml
    metric VARCHAR,  -- `hessian`, `connectivity`, `similarity` or `custom`
    name VARCHAR,  -- name in `probe` columns; `primary` is the one used to classify
    title VARCHAR,  -- its name in params.yaml
    method VARCHAR,  -- how it is computed
    parameters VARCHAR  -- JSON: its parameters in params.yaml
);

-- One row: a landscape, i.e. prepared data and a network.
CREATE TABLE core.landscapes (
    landscape_id VARCHAR,  -- hash of data and network
    data_id VARCHAR,  -- id of the prepared data
    content_hash VARCHAR,  -- SHA-256 of the prepared arrays
    dataset VARCHAR,  -- name of the dataset
    model VARCHAR,  -- name of the network
    width BIGINT,  -- load.width: width k of the network
    samples BIGINT,  -- load.samples: training samples
    label_noise DOUBLE,  -- load.label_noise: share of labels replaced
    pixel_noise DOUBLE,  -- load.pixel_noise: amplitude of pixel noise, 0-255
    extra VARCHAR,  -- JSON: other parameters of dataset, network and task
    n_test BIGINT,  -- number of test samples
    n_classes BIGINT,  -- number of classes
    n_changed_labels BIGINT,  -- number of wrong training labels
    frequency_loss DOUBLE,  -- of guessing by label frequencies, nats; null without classes
    n_parameters BIGINT  -- number of trainable parameters of the network
);

-- One row: a point of the grid.
CREATE TABLE core.cells (
    experiment_id VARCHAR,  -- the experiment
    cell_id VARCHAR,  -- the cell
    landscape_id VARCHAR,  -- its landscape
    position BIGINT,  -- position in the grid, with axes in the order of params.yaml
    variant VARCHAR,  -- name of the variant; `base` is the grid without any overlay
    width BIGINT,  -- load.width: width k of the network
    samples BIGINT,  -- load.samples: training samples
    label_noise DOUBLE,  -- load.label_noise: share of labels replaced
    pixel_noise DOUBLE,  -- load.pixel_noise: amplitude of pixel noise, 0-255
    batch_size BIGINT,  -- temperature.batch_size: samples per step
    lr DOUBLE,  -- temperature.lr: learning rate as given in params.yaml
    weight_decay DOUBLE,  -- temperature.weight_decay: as passed to the optimiser
    lr_in_effect DOUBLE,  -- learning rate after train.linear_scaling, if that is set
    extra VARCHAR,  -- JSON: custom parameters by dotted path
    n_runs BIGINT,  -- number of runs
    n_converged BIGINT  -- number of converged runs; metrics are computed over these
);

-- One row: one metric of one cell.
CREATE TABLE core.cell_metrics (
    experiment_id VARCHAR,  -- the experiment
    cell_id VARCHAR,  -- the cell
    metric VARCHAR,  -- name of the metric
    probe VARCHAR,  -- name of the probe, or of a snapshot other than the primary
    method VARCHAR,  -- the estimator
    mean DOUBLE,  -- mean over converged runs or their pairs; null if there are none
    sd DOUBLE,  -- standard deviation over them; null for fewer than two
    n BIGINT,  -- number of runs or pairs
    standard_error DOUBLE,  -- of the mean over runs: sd / sqrt(n), or the delete-one-run jackknife for pairs
    measurement_error DOUBLE,  -- error of the mean due to the errors of the estimates, shared draws counted once
    measurement_error_kind VARCHAR,  -- its kind: `exact`, `independent` (in quadrature), `joint` (over the units of a shared draw), `correlated` (at most this, as if shared errors were fully correlated), `bound` or `unknown`
    status VARCHAR,  -- `ok`, `not converged` (some estimate has not) or `missing`
    reason VARCHAR,  -- why it is not `ok`, and for how many runs or pairs
    source VARCHAR,  -- `measured` here, or where it was published
    unit VARCHAR  -- unit of the mean; null if dimensionless
);

-- One row: a trained network.
CREATE TABLE core.runs (
    run_id VARCHAR,  -- hash of data, network, training, temperature and seed
    cell_id VARCHAR,  -- the cell
    seed BIGINT,  -- random seed
    status VARCHAR,  -- `converged` or `NC` (not converged)
    status_reason VARCHAR,  -- why it has not converged
    n_epochs BIGINT,  -- number of epochs trained
    stop_reason VARCHAR,  -- `calm` (stopping rule met), `epochs`, `updates` (all done) or `diverged`
    best_epoch BIGINT,  -- epoch of the weights with the best training loss
    train_loss DOUBLE,  -- mean loss on the training data in eval mode, in the task's unit
    train_loss_sd DOUBLE,  -- its standard deviation over samples (for text: over tokens)
    train_accuracy DOUBLE,  -- in %; null if the task has no notion of a correct prediction
    train_error DOUBLE,  -- in the task's unit, for classification %
    n_train BIGINT,  -- training samples (for text: tokens)
    test_loss DOUBLE,  -- mean loss on the test data in eval mode, in the task's unit
    test_loss_sd DOUBLE,  -- its standard deviation over samples (for text: over tokens)
    test_accuracy DOUBLE,  -- in %; null if the task has no notion of a correct prediction
    test_error DOUBLE,  -- in the task's unit, for classification %
    n_test BIGINT,  -- test samples (for text: tokens)
    computed VARCHAR,  -- `grouped`: side by side with others, or `alone`
    torch VARCHAR,  -- version of torch that it was trained with
    device VARCHAR,  -- device that it was trained on
    cpu VARCHAR,  -- CPU architecture and vector instructions
    not_finite VARCHAR  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
);

-- One row: a measured snapshot of a run's weights.
CREATE TABLE core.snapshots (
    run_id VARCHAR,  -- the run
    snapshot VARCHAR,  -- best_train_loss, early_stopped, last or best_test
    is_primary BOOLEAN,  -- whether all metrics are measured on these weights
    epoch BIGINT,  -- epoch of these weights; 0 for the initial weights
    train_loss DOUBLE,  -- mean loss on the training data in eval mode, in the task's unit
    train_loss_sd DOUBLE,  -- its standard deviation over samples (for text: over tokens)
    train_accuracy DOUBLE,  -- in %; null if the task has no notion of a correct prediction
    train_error DOUBLE,  -- in the task's unit, for classification %
    n_train BIGINT,  -- training samples (for text: tokens)
    test_loss DOUBLE,  -- mean loss on the test data in eval mode, in the task's unit
    test_loss_sd DOUBLE,  -- its standard deviation over samples (for text: over tokens)
    test_accuracy DOUBLE,  -- in %; null if the task has no notion of a correct prediction
    test_error DOUBLE,  -- in the task's unit, for classification %
    n_test BIGINT,  -- test samples (for text: tokens)
    not_finite VARCHAR  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
);

-- One row: an epoch of a run.
CREATE TABLE core.epochs (
    run_id VARCHAR,  -- the run
    epoch BIGINT,  -- number of the epoch, starting at 1
    train_loss DOUBLE,  -- running mean in train mode, in the task's unit
    train_error DOUBLE,  -- running mean in train mode, in the task's unit
    test_error DOUBLE,  -- what `best_test` minimises: test error, or test loss for text
    not_finite VARCHAR  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
);

-- One row: one number measured on one run or pair, with its error.
CREATE TABLE core.estimates (
    cell_id VARCHAR,  -- the cell
    run_id VARCHAR,  -- the run, or the first run of the pair
    other_run_id VARCHAR,  -- the second run of the pair; empty for a single run
    metric VARCHAR,  -- name of the metric
    probe VARCHAR,  -- name of the probe, or of a snapshot other than the primary
    value DOUBLE,  -- the number; null if missing
    error DOUBLE,  -- its error, in the same unit; null if unknown
    error_kind VARCHAR,  -- `exact`, `standard error`, `bound` or `unknown`
    n BIGINT,  -- how many samples, probes, ... it was computed from
    n_unit VARCHAR,  -- what n counts: loss units, products, probes, samples, fits, ...
    method VARCHAR,  -- the estimator
    status VARCHAR,  -- `ok`, `not converged` or `missing`
    reason VARCHAR,  -- why it is missing or has not converged
    unit VARCHAR  -- unit of the number; null if dimensionless
);

-- One row: the Hessian of a converged run, or one layer's diagonal block of it.
CREATE TABLE core.hessians (
    run_id VARCHAR,  -- the run
    layer VARCHAR,  -- the layer's name in torch; empty for the whole Hessian
    batch BIGINT,  -- which batch, from 0
    method VARCHAR,  -- the estimator and its version
    samples BIGINT,  -- training samples in the batch
    top_eigenvalue DOUBLE,  -- eigenvalue of largest magnitude
    top_residual DOUBLE,  -- an eigenvalue lies within this distance of the estimate
    top_products BIGINT,  -- Hessian-vector products used
    top_converged BOOLEAN,  -- whether it met its tolerance
    top_reason VARCHAR,  -- why not, or why it is missing
    trace DOUBLE,  -- sum of the eigenvalues
    trace_standard_error DOUBLE,  -- its standard error over probes
    trace_sd DOUBLE,  -- standard deviation of single-probe estimates
    trace_n BIGINT,  -- number of probes
    trace_converged BOOLEAN,  -- whether it met its tolerance
    trace_reason VARCHAR,  -- why not, or why it is missing
    products BIGINT,  -- Hessian-vector products in total; null if not counted
    not_finite VARCHAR  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
);

-- One row: the spectral density of a Hessian at one point of a grid.
CREATE TABLE core.densities (
    run_id VARCHAR,  -- the run
    grid_value DOUBLE,  -- position on the eigenvalue axis
    density DOUBLE,  -- share of the eigenvalues per unit
    standard_error DOUBLE,  -- standard error over random start vectors
    not_finite VARCHAR  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
);

-- One row: a curve between two converged runs, fitted by one probe.
CREATE TABLE core.curves (
    cell_id VARCHAR,  -- the cell
    run_id VARCHAR,  -- one run
    other_run_id VARCHAR,  -- the other
    probe VARCHAR,  -- name of the probe
    fit BIGINT,  -- which fit, from 0
    unit VARCHAR,  -- unit of mode connectivity
    quantity VARCHAR,  -- computed from the training `error` or `loss`
    mode_connectivity DOUBLE,  -- mc of Eq. 4
    t DOUBLE,  -- where the deviation is largest
    lowest DOUBLE,  -- most negative deviation
    highest DOUBLE,  -- most positive deviation
    peak_error DOUBLE,  -- largest training error (or loss) between the endpoints
    area DOUBLE,  -- integral of the training error (or loss) over t
    fit_length BIGINT,  -- length of the fit, in `length_unit`
    length_unit VARCHAR,  -- `epochs` or `updates`
    shorter_length BIGINT,  -- length of the fit that it was compared with
    shorter_mode_connectivity DOUBLE,  -- mc of that fit; null if there is none
    converged BOOLEAN,  -- whether the two mc agree; null: unknown
    not_finite VARCHAR  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
);

-- One row: one point of a curve, or of the straight line, between two runs.
CREATE TABLE core.curve_points (
    cell_id VARCHAR,  -- the cell
    run_id VARCHAR,  -- one run
    other_run_id VARCHAR,  -- the other
    probe VARCHAR,  -- name of the probe; `line` for the straight line
    fit BIGINT,  -- which fit, from 0
    t DOUBLE,  -- position between 0 and 1
    train_error DOUBLE,  -- in the unit of the task's error
    train_loss DOUBLE,  -- in the unit of the task's loss
    n_train BIGINT,  -- training samples (tokens of text)
    test_error DOUBLE,  -- in the unit of the task's error
    test_loss DOUBLE,  -- in the unit of the task's loss
    n_test BIGINT,  -- test samples (tokens of text)
    not_finite VARCHAR  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
);

-- One row: two converged runs of a cell, compared by one probe.
CREATE TABLE core.similarities (
    cell_id VARCHAR,  -- the cell
    run_id VARCHAR,  -- one run
    other_run_id VARCHAR,  -- the other
    probe VARCHAR,  -- name of the probe
    cka DOUBLE,  -- linear CKA
    standard_error DOUBLE,  -- jackknife standard error over samples
    n BIGINT,  -- number of samples
    reason VARCHAR,  -- why a value is missing
    debiased DOUBLE,  -- CKA with the unbiased estimator of HSIC
    debiased_standard_error DOUBLE,  -- jackknife standard error over samples
    disagreement DOUBLE,  -- share of the samples that are classified differently
    not_finite VARCHAR  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
);

-- One row: two converged runs of a cell.
CREATE TABLE core.pairs (
    cell_id VARCHAR,  -- the cell
    run_id VARCHAR,  -- one run
    other_run_id VARCHAR,  -- the other
    seed BIGINT,  -- seed of the first run
    other_seed BIGINT,  -- seed of the second run
    cka DOUBLE,  -- linear CKA between softmax outputs
    cka_standard_error DOUBLE,  -- jackknife standard error over samples
    cka_debiased DOUBLE,  -- the same with the unbiased estimator of HSIC
    cka_debiased_standard_error DOUBLE,  -- jackknife standard error over samples
    cka_n BIGINT,  -- number of samples
    cka_reason VARCHAR,  -- why a value is missing
    disagreement DOUBLE,  -- share of those samples that are classified differently
    l2_distance DOUBLE,  -- L2 distance between the weights
    relative_distance DOUBLE,  -- the distance relative to the mean norm
    norm DOUBLE,  -- norm of the first run's weights
    other_norm DOUBLE,  -- norm of the second run's weights
    mode_connectivity DOUBLE,  -- mc of Eq. 4, mean over fits; null without a curve
    mode_connectivity_error DOUBLE,  -- standard error over fits; null for a single fit
    fits BIGINT,  -- number of fits (`repeats`)
    connectivity_unit VARCHAR,  -- unit of mc
    t DOUBLE,  -- where the deviation is largest, of the first fit
    lowest DOUBLE,  -- its most negative deviation
    highest DOUBLE,  -- its most positive deviation
    peak_error DOUBLE,  -- its largest training error (or loss) between the endpoints
    area DOUBLE,  -- integral of its training error (or loss) over t
    fit_length BIGINT,  -- its length, in `length_unit`
    length_unit VARCHAR,  -- `epochs` or `updates`
    fits_converged BOOLEAN,  -- whether all fits have converged; null: unknown
    line_barrier DOUBLE,  -- barrier on the straight line between the runs
    line_t DOUBLE,  -- where the barrier is highest
    not_finite VARCHAR  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
);

-- One row: the phase of a cell under one set of thresholds.
CREATE TABLE core.phases (
    experiment_id VARCHAR,  -- the experiment
    cell_id VARCHAR,  -- the cell
    classification_id VARCHAR,  -- hash of the experiment and the thresholds
    phase VARCHAR,  -- I, II, III, IV-A, IV-B, NC or unclassified
    phase_probability DOUBLE,  -- that as many fresh runs give this label; null if unknown
    second_phase VARCHAR,  -- the most probable other phase; null if there is none
    reason VARCHAR,  -- how sure the label is, and which number crossed which threshold
    probability_reason VARCHAR,  -- why the probability is unknown
    ambiguous BOOLEAN,  -- whether the sign of mode connectivity is uncertain
    doubtful BOOLEAN  -- flat, but training loss > 10 times the median of flat cells
);

-- One row: the probability of one phase of a cell.
CREATE TABLE core.phase_probabilities (
    experiment_id VARCHAR,  -- the experiment
    cell_id VARCHAR,  -- the cell
    classification_id VARCHAR,  -- hash of the experiment and the thresholds
    phase VARCHAR,  -- each phase of the rule; no row if probabilities are unknown
    probability DOUBLE  -- that as many fresh runs, measured afresh, give this label
);

-- One row: one criterion of the phase rule, and how many labels hang on it.
CREATE TABLE core.criteria (
    experiment_id VARCHAR,  -- the experiment
    classification_id VARCHAR,  -- hash of the experiment and the thresholds
    position BIGINT,  -- position among the criteria
    criterion VARCHAR,  -- its name
    metric VARCHAR,  -- the metric whose mean over a cell is compared
    relation VARCHAR,  -- `<`, `>` or `>=`: how it stands to the threshold if it is met
    threshold DOUBLE,  -- what the metric is compared with
    changed_without BIGINT,  -- cells with another phase if it were never met
    changed_at_75 BIGINT,  -- the same at 75% of the threshold
    changed_at_90 BIGINT,  -- the same at 90% of the threshold
    changed_at_110 BIGINT,  -- the same at 110% of the threshold
    changed_at_125 BIGINT  -- the same at 125% of the threshold
);

CREATE VIEW experiments AS SELECT * FROM core.experiments;

CREATE VIEW probes AS SELECT * FROM core.probes;

CREATE VIEW landscapes AS SELECT * FROM core.landscapes;

CREATE VIEW cell_metrics AS SELECT * FROM core.cell_metrics;

CREATE VIEW runs AS SELECT * FROM core.runs;

CREATE VIEW snapshots AS SELECT * FROM core.snapshots;

CREATE VIEW epochs AS SELECT * FROM core.epochs;

CREATE VIEW estimates AS SELECT * FROM core.estimates;

CREATE VIEW hessians AS SELECT * FROM core.hessians;

CREATE VIEW densities AS SELECT * FROM core.densities;

CREATE VIEW curves AS SELECT * FROM core.curves;

CREATE VIEW curve_points AS SELECT * FROM core.curve_points;

CREATE VIEW similarities AS SELECT * FROM core.similarities;

CREATE VIEW pairs AS SELECT * FROM core.pairs;

CREATE VIEW phases AS SELECT * FROM core.phases;

CREATE VIEW phase_probabilities AS SELECT * FROM core.phase_probabilities;

CREATE VIEW criteria AS SELECT * FROM core.criteria;

-- One row: a cell, its phase; mean, sd, count, status and reason of each metric.
CREATE VIEW cells AS
WITH wide AS (
    SELECT experiment_id, cell_id,
        any_value(mean) FILTER (WHERE metric = 'train_loss' AND probe = 'primary') AS train_loss,
        any_value(sd) FILTER (WHERE metric = 'train_loss' AND probe = 'primary') AS train_loss_sd,
        any_value(n) FILTER (WHERE metric = 'train_loss' AND probe = 'primary') AS train_loss_n,
        any_value(status) FILTER (WHERE metric = 'train_loss' AND probe = 'primary') AS train_loss_status,
        any_value(reason) FILTER (WHERE metric = 'train_loss' AND probe = 'primary') AS train_loss_reason,
        any_value(mean) FILTER (WHERE metric = 'train_accuracy' AND probe = 'primary') AS train_accuracy,
        any_value(sd) FILTER (WHERE metric = 'train_accuracy' AND probe = 'primary') AS train_accuracy_sd,
        any_value(n) FILTER (WHERE metric = 'train_accuracy' AND probe = 'primary') AS train_accuracy_n,
        any_value(status) FILTER (WHERE metric = 'train_accuracy' AND probe = 'primary') AS train_accuracy_status,
        any_value(reason) FILTER (WHERE metric = 'train_accuracy' AND probe = 'primary') AS train_accuracy_reason,
        any_value(mean) FILTER (WHERE metric = 'train_error' AND probe = 'primary') AS train_error,
        any_value(sd) FILTER (WHERE metric = 'train_error' AND probe = 'primary') AS train_error_sd,
        any_value(n) FILTER (WHERE metric = 'train_error' AND probe = 'primary') AS train_error_n,
        any_value(status) FILTER (WHERE metric = 'train_error' AND probe = 'primary') AS train_error_status,
        any_value(reason) FILTER (WHERE metric = 'train_error' AND probe = 'primary') AS train_error_reason,
        any_value(mean) FILTER (WHERE metric = 'test_loss' AND probe = 'primary') AS test_loss,
        any_value(sd) FILTER (WHERE metric = 'test_loss' AND probe = 'primary') AS test_loss_sd,
        any_value(n) FILTER (WHERE metric = 'test_loss' AND probe = 'primary') AS test_loss_n,
        any_value(status) FILTER (WHERE metric = 'test_loss' AND probe = 'primary') AS test_loss_status,
        any_value(reason) FILTER (WHERE metric = 'test_loss' AND probe = 'primary') AS test_loss_reason,
        any_value(mean) FILTER (WHERE metric = 'test_accuracy' AND probe = 'primary') AS test_accuracy,
        any_value(sd) FILTER (WHERE metric = 'test_accuracy' AND probe = 'primary') AS test_accuracy_sd,
        any_value(n) FILTER (WHERE metric = 'test_accuracy' AND probe = 'primary') AS test_accuracy_n,
        any_value(status) FILTER (WHERE metric = 'test_accuracy' AND probe = 'primary') AS test_accuracy_status,
        any_value(reason) FILTER (WHERE metric = 'test_accuracy' AND probe = 'primary') AS test_accuracy_reason,
        any_value(mean) FILTER (WHERE metric = 'test_error' AND probe = 'primary') AS test_error,
        any_value(sd) FILTER (WHERE metric = 'test_error' AND probe = 'primary') AS test_error_sd,
        any_value(n) FILTER (WHERE metric = 'test_error' AND probe = 'primary') AS test_error_n,
        any_value(status) FILTER (WHERE metric = 'test_error' AND probe = 'primary') AS test_error_status,
        any_value(reason) FILTER (WHERE metric = 'test_error' AND probe = 'primary') AS test_error_reason,
        any_value(mean) FILTER (WHERE metric = 'top_eigenvalue' AND probe = 'primary') AS top_eigenvalue,
        any_value(sd) FILTER (WHERE metric = 'top_eigenvalue' AND probe = 'primary') AS top_eigenvalue_sd,
        any_value(n) FILTER (WHERE metric = 'top_eigenvalue' AND probe = 'primary') AS top_eigenvalue_n,
        any_value(status) FILTER (WHERE metric = 'top_eigenvalue' AND probe = 'primary') AS top_eigenvalue_status,
        any_value(reason) FILTER (WHERE metric = 'top_eigenvalue' AND probe = 'primary') AS top_eigenvalue_reason,
        any_value(mean) FILTER (WHERE metric = 'trace' AND probe = 'primary') AS trace,
        any_value(sd) FILTER (WHERE metric = 'trace' AND probe = 'primary') AS trace_sd,
        any_value(n) FILTER (WHERE metric = 'trace' AND probe = 'primary') AS trace_n,
        any_value(status) FILTER (WHERE metric = 'trace' AND probe = 'primary') AS trace_status,
        any_value(reason) FILTER (WHERE metric = 'trace' AND probe = 'primary') AS trace_reason,
        any_value(mean) FILTER (WHERE metric = 'mode_connectivity' AND probe = 'primary') AS mode_connectivity,
        any_value(sd) FILTER (WHERE metric = 'mode_connectivity' AND probe = 'primary') AS mode_connectivity_sd,
        any_value(n) FILTER (WHERE metric = 'mode_connectivity' AND probe = 'primary') AS mode_connectivity_n,
        any_value(status) FILTER (WHERE metric = 'mode_connectivity' AND probe = 'primary') AS mode_connectivity_status,
        any_value(reason) FILTER (WHERE metric = 'mode_connectivity' AND probe = 'primary') AS mode_connectivity_reason,
        any_value(mean) FILTER (WHERE metric = 'connectivity_lowest' AND probe = 'primary') AS connectivity_lowest,
        any_value(sd) FILTER (WHERE metric = 'connectivity_lowest' AND probe = 'primary') AS connectivity_lowest_sd,
        any_value(n) FILTER (WHERE metric = 'connectivity_lowest' AND probe = 'primary') AS connectivity_lowest_n,
        any_value(status) FILTER (WHERE metric = 'connectivity_lowest' AND probe = 'primary') AS connectivity_lowest_status,
        any_value(reason) FILTER (WHERE metric = 'connectivity_lowest' AND probe = 'primary') AS connectivity_lowest_reason,
        any_value(mean) FILTER (WHERE metric = 'connectivity_highest' AND probe = 'primary') AS connectivity_highest,
        any_value(sd) FILTER (WHERE metric = 'connectivity_highest' AND probe = 'primary') AS connectivity_highest_sd,
        any_value(n) FILTER (WHERE metric = 'connectivity_highest' AND probe = 'primary') AS connectivity_highest_n,
        any_value(status) FILTER (WHERE metric = 'connectivity_highest' AND probe = 'primary') AS connectivity_highest_status,
        any_value(reason) FILTER (WHERE metric = 'connectivity_highest' AND probe = 'primary') AS connectivity_highest_reason,
        any_value(mean) FILTER (WHERE metric = 'peak_error' AND probe = 'primary') AS peak_error,
        any_value(sd) FILTER (WHERE metric = 'peak_error' AND probe = 'primary') AS peak_error_sd,
        any_value(n) FILTER (WHERE metric = 'peak_error' AND probe = 'primary') AS peak_error_n,
        any_value(status) FILTER (WHERE metric = 'peak_error' AND probe = 'primary') AS peak_error_status,
        any_value(reason) FILTER (WHERE metric = 'peak_error' AND probe = 'primary') AS peak_error_reason,
        any_value(mean) FILTER (WHERE metric = 'curve_area' AND probe = 'primary') AS curve_area,
        any_value(sd) FILTER (WHERE metric = 'curve_area' AND probe = 'primary') AS curve_area_sd,
        any_value(n) FILTER (WHERE metric = 'curve_area' AND probe = 'primary') AS curve_area_n,
        any_value(status) FILTER (WHERE metric = 'curve_area' AND probe = 'primary') AS curve_area_status,
        any_value(reason) FILTER (WHERE metric = 'curve_area' AND probe = 'primary') AS curve_area_reason,
        any_value(mean) FILTER (WHERE metric = 'line_barrier' AND probe = 'primary') AS line_barrier,
        any_value(sd) FILTER (WHERE metric = 'line_barrier' AND probe = 'primary') AS line_barrier_sd,
        any_value(n) FILTER (WHERE metric = 'line_barrier' AND probe = 'primary') AS line_barrier_n,
        any_value(status) FILTER (WHERE metric = 'line_barrier' AND probe = 'primary') AS line_barrier_status,
        any_value(reason) FILTER (WHERE metric = 'line_barrier' AND probe = 'primary') AS line_barrier_reason,
        any_value(mean) FILTER (WHERE metric = 'train_loss_running' AND probe = 'primary') AS train_loss_running,
        any_value(sd) FILTER (WHERE metric = 'train_loss_running' AND probe = 'primary') AS train_loss_running_sd,
        any_value(n) FILTER (WHERE metric = 'train_loss_running' AND probe = 'primary') AS train_loss_running_n,
        any_value(status) FILTER (WHERE metric = 'train_loss_running' AND probe = 'primary') AS train_loss_running_status,
        any_value(reason) FILTER (WHERE metric = 'train_loss_running' AND probe = 'primary') AS train_loss_running_reason,
        any_value(mean) FILTER (WHERE metric = 'train_loss_recomputed' AND probe = 'primary') AS train_loss_recomputed,
        any_value(sd) FILTER (WHERE metric = 'train_loss_recomputed' AND probe = 'primary') AS train_loss_recomputed_sd,
        any_value(n) FILTER (WHERE metric = 'train_loss_recomputed' AND probe = 'primary') AS train_loss_recomputed_n,
        any_value(status) FILTER (WHERE metric = 'train_loss_recomputed' AND probe = 'primary') AS train_loss_recomputed_status,
        any_value(reason) FILTER (WHERE metric = 'train_loss_recomputed' AND probe = 'primary') AS train_loss_recomputed_reason,
        any_value(mean) FILTER (WHERE metric = 'cka' AND probe = 'primary') AS cka,
        any_value(sd) FILTER (WHERE metric = 'cka' AND probe = 'primary') AS cka_sd,
        any_value(n) FILTER (WHERE metric = 'cka' AND probe = 'primary') AS cka_n,
        any_value(status) FILTER (WHERE metric = 'cka' AND probe = 'primary') AS cka_status,
        any_value(reason) FILTER (WHERE metric = 'cka' AND probe = 'primary') AS cka_reason,
        any_value(mean) FILTER (WHERE metric = 'cka_debiased' AND probe = 'primary') AS cka_debiased,
        any_value(sd) FILTER (WHERE metric = 'cka_debiased' AND probe = 'primary') AS cka_debiased_sd,
        any_value(n) FILTER (WHERE metric = 'cka_debiased' AND probe = 'primary') AS cka_debiased_n,
        any_value(status) FILTER (WHERE metric = 'cka_debiased' AND probe = 'primary') AS cka_debiased_status,
        any_value(reason) FILTER (WHERE metric = 'cka_debiased' AND probe = 'primary') AS cka_debiased_reason,
        any_value(mean) FILTER (WHERE metric = 'disagreement' AND probe = 'primary') AS disagreement,
        any_value(sd) FILTER (WHERE metric = 'disagreement' AND probe = 'primary') AS disagreement_sd,
        any_value(n) FILTER (WHERE metric = 'disagreement' AND probe = 'primary') AS disagreement_n,
        any_value(status) FILTER (WHERE metric = 'disagreement' AND probe = 'primary') AS disagreement_status,
        any_value(reason) FILTER (WHERE metric = 'disagreement' AND probe = 'primary') AS disagreement_reason,
        any_value(mean) FILTER (WHERE metric = 'l2_distance' AND probe = 'primary') AS l2_distance,
        any_value(sd) FILTER (WHERE metric = 'l2_distance' AND probe = 'primary') AS l2_distance_sd,
        any_value(n) FILTER (WHERE metric = 'l2_distance' AND probe = 'primary') AS l2_distance_n,
        any_value(status) FILTER (WHERE metric = 'l2_distance' AND probe = 'primary') AS l2_distance_status,
        any_value(reason) FILTER (WHERE metric = 'l2_distance' AND probe = 'primary') AS l2_distance_reason,
        any_value(mean) FILTER (WHERE metric = 'relative_distance' AND probe = 'primary') AS relative_distance,
        any_value(sd) FILTER (WHERE metric = 'relative_distance' AND probe = 'primary') AS relative_distance_sd,
        any_value(n) FILTER (WHERE metric = 'relative_distance' AND probe = 'primary') AS relative_distance_n,
        any_value(status) FILTER (WHERE metric = 'relative_distance' AND probe = 'primary') AS relative_distance_status,
        any_value(reason) FILTER (WHERE metric = 'relative_distance' AND probe = 'primary') AS relative_distance_reason,
        any_value(mean) FILTER (WHERE metric = 'norm' AND probe = 'primary') AS norm,
        any_value(sd) FILTER (WHERE metric = 'norm' AND probe = 'primary') AS norm_sd,
        any_value(n) FILTER (WHERE metric = 'norm' AND probe = 'primary') AS norm_n,
        any_value(status) FILTER (WHERE metric = 'norm' AND probe = 'primary') AS norm_status,
        any_value(reason) FILTER (WHERE metric = 'norm' AND probe = 'primary') AS norm_reason,
        any_value(mean) FILTER (WHERE metric = 'n_epochs' AND probe = 'primary') AS n_epochs,
        any_value(sd) FILTER (WHERE metric = 'n_epochs' AND probe = 'primary') AS n_epochs_sd,
        any_value(n) FILTER (WHERE metric = 'n_epochs' AND probe = 'primary') AS n_epochs_n,
        any_value(status) FILTER (WHERE metric = 'n_epochs' AND probe = 'primary') AS n_epochs_status,
        any_value(reason) FILTER (WHERE metric = 'n_epochs' AND probe = 'primary') AS n_epochs_reason
    FROM core.cell_metrics GROUP BY experiment_id, cell_id
)
SELECT c.*, p.phase, p.phase_probability, p.second_phase, p.reason, p.probability_reason,
    p.ambiguous, p.doubtful,
    wide.* EXCLUDE (experiment_id, cell_id)
FROM core.cells AS c
JOIN core.experiments AS e USING (experiment_id)
LEFT JOIN wide USING (experiment_id, cell_id)
LEFT JOIN core.phases AS p
    ON p.experiment_id = c.experiment_id AND p.cell_id = c.cell_id
    AND p.classification_id = e.classification_id
ORDER BY c.position;
