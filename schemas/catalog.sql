-- The catalog. The schema `core` holds the tables of data/catalog/*.parquet, each with a last
-- column `origin`, and the table `sources`, which describes the origins. Query the views in `main`:
-- `cells` has one wide row per cell; `best_per_load`, `double_descent` and the macro
-- `experiment_diff(a, b)` answer questions; the others mirror the tables.
CREATE SCHEMA core;

CREATE TYPE core.phase_name AS ENUM ('I', 'II', 'III', 'IV-A', 'IV-B', 'NC', 'unclassified');

CREATE TYPE core.estimate_status AS ENUM ('ok', 'not converged', 'missing');

CREATE TYPE core.run_status AS ENUM ('converged', 'NC');

CREATE TYPE core.stop_reason AS ENUM ('calm', 'epochs', 'updates', 'diverged');

CREATE TYPE core.error_kind AS ENUM ('exact', 'standard error', 'bound', 'unknown');

CREATE TYPE core.error_combination AS ENUM ('exact', 'independent', 'joint', 'correlated', 'bound', 'unknown');

CREATE TYPE core.snapshot_name AS ENUM ('best_train_loss', 'early_stopped', 'last', 'best_test');

CREATE TYPE core.relation AS ENUM ('<', '>', '>=');

CREATE TYPE core.how_trained AS ENUM ('grouped', 'alone');

CREATE TYPE core.source_kind AS ENUM ('current', 'imported', 'collected');

-- One row: an experiment. Key: origin, experiment_id, classification_id.
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
    classify VARCHAR,  -- JSON: the thresholds as given, numbers or `auto`
    thresholds VARCHAR,  -- JSON: name, value, band and reason of every threshold that is `auto`
    performance_metric VARCHAR,  -- the test metric by which cells of this task are ranked
    origin VARCHAR,  -- the source that the row was read from, see `sources`
    PRIMARY KEY (origin, experiment_id, classification_id)
);

-- One row: a probe, i.e. one configuration in which a metric is measured. Key: origin, experiment_id, position.
CREATE TABLE core.probes (
    experiment_id VARCHAR,  -- the experiment
    position BIGINT,  -- position in the order of params.yaml
    metric VARCHAR,  -- `hessian`, `connectivity`, `similarity` or `custom`
    name VARCHAR,  -- name in `probe` columns; `primary` is the one used to classify
    title VARCHAR,  -- its name in params.yaml
    method VARCHAR,  -- how it is computed
    parameters VARCHAR,  -- JSON: its parameters in params.yaml
    origin VARCHAR,  -- the source that the row was read from, see `sources`
    PRIMARY KEY (origin, experiment_id, position)
);

-- One row: a landscape, i.e. prepared data and a network. Key: origin, landscape_id.
CREATE TABLE core.landscapes (
    landscape_id VARCHAR,  -- hash of data and network
    data_id VARCHAR,  -- id of the prepared data
    content_hash VARCHAR,  -- SHA-256 of the prepared arrays
    dataset VARCHAR,  -- name of the dataset
    model VARCHAR,  -- name of the network
    width BIGINT,  -- load.width: width k of the network
    samples BIGINT,  -- load.samples: training samples
    label_noise DOUBLE,  -- load.label_noise: share of labels replaced; unit: 1
    pixel_noise DOUBLE,  -- load.pixel_noise: amplitude of pixel noise, 0-255; unit: 1
    extra VARCHAR,  -- JSON: other parameters of dataset, network and task
    n_test BIGINT,  -- number of test samples
    n_classes BIGINT,  -- number of classes
    n_changed_labels BIGINT,  -- number of wrong training labels
    frequency_loss DOUBLE,  -- of guessing by label frequencies, nats; null without classes; unit: nats
    n_parameters BIGINT,  -- number of trainable parameters of the network
    origin VARCHAR,  -- the source that the row was read from, see `sources`
    PRIMARY KEY (origin, landscape_id)
);

-- One row: a point of the grid. Key: origin, experiment_id, cell_id.
CREATE TABLE core.cells (
    experiment_id VARCHAR,  -- the experiment
    cell_id VARCHAR,  -- the cell
    landscape_id VARCHAR,  -- its landscape
    position BIGINT,  -- position in the grid, with axes in the order of params.yaml
    variant VARCHAR,  -- name of the variant; `base` is the grid without any overlay
    width BIGINT,  -- load.width: width k of the network
    samples BIGINT,  -- load.samples: training samples
    label_noise DOUBLE,  -- load.label_noise: share of labels replaced; unit: 1
    pixel_noise DOUBLE,  -- load.pixel_noise: amplitude of pixel noise, 0-255; unit: 1
    batch_size BIGINT,  -- temperature.batch_size: samples per step
    lr DOUBLE,  -- temperature.lr: learning rate as given in params.yaml; unit: 1
    weight_decay DOUBLE,  -- temperature.weight_decay: as passed to the optimiser; unit: 1
    lr_in_effect DOUBLE,  -- learning rate after train.linear_scaling, if that is set; unit: 1
    extra VARCHAR,  -- JSON: custom parameters by dotted path
    n_runs BIGINT,  -- number of runs
    n_converged BIGINT,  -- number of converged runs; metrics are computed over these
    origin VARCHAR,  -- the source that the row was read from, see `sources`
    PRIMARY KEY (origin, experiment_id, cell_id)
);

-- One row: one metric of one cell. Key: origin, experiment_id, cell_id, metric, probe.
CREATE TABLE core.cell_metrics (
    experiment_id VARCHAR,  -- the experiment
    cell_id VARCHAR,  -- the cell
    metric VARCHAR,  -- name of the metric
    probe VARCHAR,  -- name of the probe, or of a snapshot other than the primary
    method VARCHAR,  -- the estimator
    mean DOUBLE,  -- mean over converged runs or their pairs; null if there are none; unit: see `unit`
    sd DOUBLE,  -- standard deviation over them; null for fewer than two; unit: see `unit`
    n BIGINT,  -- number of runs or pairs
    standard_error DOUBLE,  -- of the mean over runs: sd / sqrt(n), or the delete-one-run jackknife for pairs; unit: see `unit`
    measurement_error DOUBLE,  -- error of the mean due to the errors of the estimates, shared draws counted once; unit: see `unit`
    measurement_error_kind core.error_combination,  -- its kind: `exact`, `independent` (in quadrature), `joint` (over the units of a shared draw), `correlated` (at most this, as if shared errors were fully correlated), `bound` or `unknown`
    status core.estimate_status,  -- `ok`, `not converged` (some estimate has not) or `missing`
    reason VARCHAR,  -- why it is not `ok`, and for how many runs or pairs
    source VARCHAR,  -- `measured` here, or where it was published
    unit VARCHAR,  -- unit of the mean; null if dimensionless
    origin VARCHAR  -- the source that the row was read from, see `sources`
);

-- One row: a trained network. Key: origin, run_id, cell_id.
CREATE TABLE core.runs (
    run_id VARCHAR,  -- hash of data, network, training, temperature and seed
    cell_id VARCHAR,  -- the cell
    seed BIGINT,  -- random seed
    status core.run_status,  -- `converged` or `NC` (not converged)
    status_reason VARCHAR,  -- why it has not converged
    n_epochs BIGINT,  -- number of epochs trained
    stop_reason core.stop_reason,  -- `calm` (stopping rule met), `epochs`, `updates` (all done) or `diverged`
    best_epoch BIGINT,  -- epoch of the weights with the best training loss
    train_loss DOUBLE,  -- mean loss on the training data in eval mode, in the task's unit; unit: task's loss
    train_loss_sd DOUBLE,  -- its standard deviation over samples (for text: over tokens); unit: task's loss
    train_accuracy DOUBLE,  -- in %; null if the task has no notion of a correct prediction; unit: %
    train_error DOUBLE,  -- in the task's unit, for classification %; unit: task's error
    n_train BIGINT,  -- training samples (for text: tokens)
    test_loss DOUBLE,  -- mean loss on the test data in eval mode, in the task's unit; unit: task's loss
    test_loss_sd DOUBLE,  -- its standard deviation over samples (for text: over tokens); unit: task's loss
    test_accuracy DOUBLE,  -- in %; null if the task has no notion of a correct prediction; unit: %
    test_error DOUBLE,  -- in the task's unit, for classification %; unit: task's error
    n_test BIGINT,  -- test samples (for text: tokens)
    computed core.how_trained,  -- `grouped`: side by side with others, or `alone`
    torch VARCHAR,  -- version of torch that it was trained with
    device VARCHAR,  -- device that it was trained on
    cpu VARCHAR,  -- CPU architecture and vector instructions
    not_finite VARCHAR,  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
    origin VARCHAR,  -- the source that the row was read from, see `sources`
    PRIMARY KEY (origin, run_id, cell_id)
);

-- One row: a measured snapshot of a run's weights. Key: origin, run_id, snapshot.
CREATE TABLE core.snapshots (
    run_id VARCHAR,  -- the run
    snapshot core.snapshot_name,  -- best_train_loss, early_stopped, last or best_test
    is_primary BOOLEAN,  -- whether all metrics are measured on these weights
    epoch BIGINT,  -- epoch of these weights; 0 for the initial weights
    train_loss DOUBLE,  -- mean loss on the training data in eval mode, in the task's unit; unit: task's loss
    train_loss_sd DOUBLE,  -- its standard deviation over samples (for text: over tokens); unit: task's loss
    train_accuracy DOUBLE,  -- in %; null if the task has no notion of a correct prediction; unit: %
    train_error DOUBLE,  -- in the task's unit, for classification %; unit: task's error
    n_train BIGINT,  -- training samples (for text: tokens)
    test_loss DOUBLE,  -- mean loss on the test data in eval mode, in the task's unit; unit: task's loss
    test_loss_sd DOUBLE,  -- its standard deviation over samples (for text: over tokens); unit: task's loss
    test_accuracy DOUBLE,  -- in %; null if the task has no notion of a correct prediction; unit: %
    test_error DOUBLE,  -- in the task's unit, for classification %; unit: task's error
    n_test BIGINT,  -- test samples (for text: tokens)
    not_finite VARCHAR,  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
    origin VARCHAR  -- the source that the row was read from, see `sources`
);

-- One row: an epoch of a run. Key: origin, run_id, epoch.
CREATE TABLE core.epochs (
    run_id VARCHAR,  -- the run
    epoch BIGINT,  -- number of the epoch, starting at 1
    train_loss DOUBLE,  -- running mean in train mode, in the task's unit; unit: task's loss
    train_error DOUBLE,  -- running mean in train mode, in the task's unit; unit: task's error
    test_error DOUBLE,  -- what `best_test` minimises: test error, or test loss for text; unit: task's error
    not_finite VARCHAR,  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
    origin VARCHAR  -- the source that the row was read from, see `sources`
);

-- One row: one number measured on one run or pair, with its error. Key: origin, cell_id, run_id, other_run_id, metric, probe.
CREATE TABLE core.estimates (
    cell_id VARCHAR,  -- the cell
    run_id VARCHAR,  -- the run, or the first run of the pair
    other_run_id VARCHAR,  -- the second run of the pair; empty for a single run
    metric VARCHAR,  -- name of the metric
    probe VARCHAR,  -- name of the probe, or of a snapshot other than the primary
    value DOUBLE,  -- the number; null if missing; unit: see `unit`
    error DOUBLE,  -- its error, in the same unit; null if unknown; unit: see `unit`
    error_kind core.error_kind,  -- `exact`, `standard error`, `bound` or `unknown`
    n BIGINT,  -- how many samples, probes, ... it was computed from
    n_unit VARCHAR,  -- what n counts: loss units, products, probes, samples, fits, ...
    method VARCHAR,  -- the estimator
    status core.estimate_status,  -- `ok`, `not converged` or `missing`
    reason VARCHAR,  -- why it is missing or has not converged
    unit VARCHAR,  -- unit of the number; null if dimensionless
    origin VARCHAR  -- the source that the row was read from, see `sources`
);

-- One row: the Hessian of a converged run, or one layer's diagonal block of it. Key: origin, run_id, layer, batch.
CREATE TABLE core.hessians (
    run_id VARCHAR,  -- the run
    layer VARCHAR,  -- the layer's name in torch; empty for the whole Hessian
    batch BIGINT,  -- which batch, from 0
    method VARCHAR,  -- the estimator and its version
    samples BIGINT,  -- training samples in the batch
    top_eigenvalue DOUBLE,  -- eigenvalue of largest magnitude; unit: task's loss / weight^2
    top_residual DOUBLE,  -- an eigenvalue lies within this distance of the estimate; unit: task's loss / weight^2
    top_products BIGINT,  -- Hessian-vector products used
    top_converged BOOLEAN,  -- whether it met its tolerance
    top_reason VARCHAR,  -- why not, or why it is missing
    trace DOUBLE,  -- sum of the eigenvalues; unit: task's loss / weight^2
    trace_standard_error DOUBLE,  -- its standard error over probes; unit: task's loss / weight^2
    trace_sd DOUBLE,  -- standard deviation of single-probe estimates; unit: task's loss / weight^2
    trace_n BIGINT,  -- number of probes
    trace_converged BOOLEAN,  -- whether it met its tolerance
    trace_reason VARCHAR,  -- why not, or why it is missing
    products BIGINT,  -- Hessian-vector products in total; null if not counted
    not_finite VARCHAR,  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
    origin VARCHAR  -- the source that the row was read from, see `sources`
);

-- One row: the spectral density of a Hessian at one point of a grid. Key: origin, run_id, grid_value.
CREATE TABLE core.densities (
    run_id VARCHAR,  -- the run
    grid_value DOUBLE,  -- position on the eigenvalue axis; unit: task's loss / weight^2
    density DOUBLE,  -- share of the eigenvalues per unit; unit: 1 / eigenvalue
    standard_error DOUBLE,  -- standard error over random start vectors; unit: 1 / eigenvalue
    not_finite VARCHAR,  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
    origin VARCHAR  -- the source that the row was read from, see `sources`
);

-- One row: a curve between two converged runs, fitted by one probe. Key: origin, cell_id, run_id, other_run_id, probe, fit.
CREATE TABLE core.curves (
    cell_id VARCHAR,  -- the cell
    run_id VARCHAR,  -- one run
    other_run_id VARCHAR,  -- the other
    probe VARCHAR,  -- name of the probe
    fit BIGINT,  -- which fit, from 0
    unit VARCHAR,  -- unit of mode connectivity
    quantity VARCHAR,  -- computed from the training `error` or `loss`
    mode_connectivity DOUBLE,  -- mc of Eq. 4; unit: see `unit`
    t DOUBLE,  -- where the deviation is largest; unit: 1
    lowest DOUBLE,  -- most negative deviation; unit: see `unit`
    highest DOUBLE,  -- most positive deviation; unit: see `unit`
    peak_error DOUBLE,  -- largest training error (or loss) between the endpoints; unit: see `unit`
    area DOUBLE,  -- integral of the training error (or loss) over t; unit: see `unit`
    fit_length BIGINT,  -- length of the fit, in `length_unit`
    length_unit VARCHAR,  -- `epochs` or `updates`
    shorter_length BIGINT,  -- length of the fit that it was compared with
    shorter_mode_connectivity DOUBLE,  -- mc of that fit; null if there is none; unit: see `unit`
    converged BOOLEAN,  -- whether the two mc agree; null: unknown
    not_finite VARCHAR,  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
    origin VARCHAR  -- the source that the row was read from, see `sources`
);

-- One row: one point of a curve, or of the straight line, between two runs. Key: origin, cell_id, run_id, other_run_id, probe, fit, t.
CREATE TABLE core.curve_points (
    cell_id VARCHAR,  -- the cell
    run_id VARCHAR,  -- one run
    other_run_id VARCHAR,  -- the other
    probe VARCHAR,  -- name of the probe; `line` for the straight line
    fit BIGINT,  -- which fit, from 0
    t DOUBLE,  -- position between 0 and 1; unit: 1
    train_error DOUBLE,  -- in the unit of the task's error; unit: task's error
    train_loss DOUBLE,  -- in the unit of the task's loss; unit: task's loss
    n_train BIGINT,  -- training samples (tokens of text)
    test_error DOUBLE,  -- in the unit of the task's error; unit: task's error
    test_loss DOUBLE,  -- in the unit of the task's loss; unit: task's loss
    n_test BIGINT,  -- test samples (tokens of text)
    not_finite VARCHAR,  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
    origin VARCHAR  -- the source that the row was read from, see `sources`
);

-- One row: two converged runs of a cell, compared by one probe. Key: origin, cell_id, run_id, other_run_id, probe.
CREATE TABLE core.similarities (
    cell_id VARCHAR,  -- the cell
    run_id VARCHAR,  -- one run
    other_run_id VARCHAR,  -- the other
    probe VARCHAR,  -- name of the probe
    cka DOUBLE,  -- linear CKA; unit: 1
    standard_error DOUBLE,  -- jackknife standard error over samples; unit: 1
    n BIGINT,  -- number of samples
    reason VARCHAR,  -- why a value is missing
    debiased DOUBLE,  -- CKA with the unbiased estimator of HSIC; unit: 1
    debiased_standard_error DOUBLE,  -- jackknife standard error over samples; unit: 1
    disagreement DOUBLE,  -- share of the samples that are classified differently; unit: 1
    not_finite VARCHAR,  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
    origin VARCHAR  -- the source that the row was read from, see `sources`
);

-- One row: two converged runs of a cell. Key: origin, run_id, other_run_id.
CREATE TABLE core.pairs (
    cell_id VARCHAR,  -- the cell
    run_id VARCHAR,  -- one run
    other_run_id VARCHAR,  -- the other
    seed BIGINT,  -- seed of the first run
    other_seed BIGINT,  -- seed of the second run
    cka DOUBLE,  -- linear CKA between softmax outputs; unit: 1
    cka_standard_error DOUBLE,  -- jackknife standard error over samples; unit: 1
    cka_debiased DOUBLE,  -- the same with the unbiased estimator of HSIC; unit: 1
    cka_debiased_standard_error DOUBLE,  -- jackknife standard error over samples; unit: 1
    cka_n BIGINT,  -- number of samples
    cka_reason VARCHAR,  -- why a value is missing
    disagreement DOUBLE,  -- share of those samples that are classified differently; unit: 1
    l2_distance DOUBLE,  -- L2 distance between the weights; unit: 1
    relative_distance DOUBLE,  -- the distance relative to the mean norm; unit: 1
    norm DOUBLE,  -- norm of the first run's weights; unit: 1
    other_norm DOUBLE,  -- norm of the second run's weights; unit: 1
    mode_connectivity DOUBLE,  -- mc of Eq. 4, mean over fits; null without a curve; unit: see `connectivity_unit`
    mode_connectivity_error DOUBLE,  -- standard error over fits; null for a single fit; unit: see `connectivity_unit`
    fits BIGINT,  -- number of fits (`repeats`)
    connectivity_unit VARCHAR,  -- unit of mc
    t DOUBLE,  -- where the deviation is largest, of the first fit; unit: 1
    lowest DOUBLE,  -- its most negative deviation; unit: see `connectivity_unit`
    highest DOUBLE,  -- its most positive deviation; unit: see `connectivity_unit`
    peak_error DOUBLE,  -- its largest training error (or loss) between the endpoints; unit: see `connectivity_unit`
    area DOUBLE,  -- integral of its training error (or loss) over t; unit: see `connectivity_unit`
    fit_length BIGINT,  -- its length, in `length_unit`
    length_unit VARCHAR,  -- `epochs` or `updates`
    fits_converged BOOLEAN,  -- whether all fits have converged; null: unknown
    line_barrier DOUBLE,  -- barrier on the straight line between the runs; unit: see `connectivity_unit`
    line_t DOUBLE,  -- where the barrier is highest; unit: 1
    not_finite VARCHAR,  -- which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`
    origin VARCHAR  -- the source that the row was read from, see `sources`
);

-- One row: the phase of a cell under one set of thresholds. Key: origin, experiment_id, cell_id, classification_id.
CREATE TABLE core.phases (
    experiment_id VARCHAR,  -- the experiment
    cell_id VARCHAR,  -- the cell
    classification_id VARCHAR,  -- hash of the experiment and the thresholds
    phase core.phase_name,  -- I, II, III, IV-A, IV-B, NC or unclassified
    phase_probability DOUBLE,  -- that as many fresh runs give this label; null if unknown; unit: 1
    second_phase core.phase_name,  -- the most probable other phase; null if there is none
    reason VARCHAR,  -- how sure the label is, and which number crossed which threshold
    probability_reason VARCHAR,  -- why the probability is unknown
    ambiguous BOOLEAN,  -- whether the sign of mode connectivity is uncertain
    doubtful BOOLEAN,  -- flat, but training loss > 10 times the median of flat cells
    origin VARCHAR,  -- the source that the row was read from, see `sources`
    PRIMARY KEY (origin, experiment_id, cell_id, classification_id)
);

-- One row: the probability of one phase of a cell. Key: origin, experiment_id, cell_id, classification_id, phase.
CREATE TABLE core.phase_probabilities (
    experiment_id VARCHAR,  -- the experiment
    cell_id VARCHAR,  -- the cell
    classification_id VARCHAR,  -- hash of the experiment and the thresholds
    phase core.phase_name,  -- each phase of the rule; no row if probabilities are unknown
    probability DOUBLE,  -- that as many fresh runs, measured afresh, give this label; unit: 1
    origin VARCHAR,  -- the source that the row was read from, see `sources`
    PRIMARY KEY (origin, experiment_id, cell_id, classification_id, phase)
);

-- One row: one criterion of the phase rule, and how many labels hang on it. Key: origin, experiment_id, classification_id, position.
CREATE TABLE core.criteria (
    experiment_id VARCHAR,  -- the experiment
    classification_id VARCHAR,  -- hash of the experiment and the thresholds
    position BIGINT,  -- position among the criteria
    criterion VARCHAR,  -- its name
    metric VARCHAR,  -- the metric whose mean over a cell is compared
    relation core.relation,  -- `<`, `>` or `>=`: how it stands to the threshold if it is met
    threshold DOUBLE,  -- what the metric is compared with; unit: of the metric
    changed_without BIGINT,  -- cells with another phase if it were never met
    changed_at_75 BIGINT,  -- the same at 75% of the threshold
    changed_at_90 BIGINT,  -- the same at 90% of the threshold
    changed_at_110 BIGINT,  -- the same at 110% of the threshold
    changed_at_125 BIGINT,  -- the same at 125% of the threshold
    origin VARCHAR,  -- the source that the row was read from, see `sources`
    PRIMARY KEY (origin, experiment_id, classification_id, position)
);

-- One row: a place where the results of an experiment were found. Key: origin, kind, name, repository, revision, path.
CREATE TABLE core.sources (
    origin VARCHAR,  -- `origin` of its rows in the other tables
    name VARCHAR,  -- `current`, the folder in data/collected, or the name of an import
    kind core.source_kind,  -- `current`, `imported` or `collected`
    experiment_id VARCHAR,  -- the experiment
    classification_id VARCHAR,  -- hash of the experiment and its thresholds
    repository VARCHAR,  -- URL or path of the Git repository; null: this project
    revision VARCHAR,  -- commit; null if it is not from one
    refs VARCHAR,  -- JSON: the branches, tags and DVC experiments at this commit
    path VARCHAR,  -- the catalog's folder in its repository
    format VARCHAR,  -- of published results: that of the importer
    file VARCHAR,  -- of published results: name of the imported file
    sha256 VARCHAR,  -- of published results: SHA-256 of that file
    citation VARCHAR,  -- of published results: the publication
    url VARCHAR,  -- of published results: where they were published
    schema_version BIGINT,  -- version of the tables as they are stored
    fingerprint VARCHAR,  -- hash of the tables' content
    note VARCHAR  -- what is to be known about these results
);

COMMENT ON TABLE core.experiments IS 'One row: an experiment. Key: origin, experiment_id, classification_id.';
COMMENT ON COLUMN core.experiments.experiment_id IS 'hash of the ids of its runs and measurements';
COMMENT ON COLUMN core.experiments.classification_id IS 'hash of the experiment and its thresholds';
COMMENT ON COLUMN core.experiments.dataset IS 'name of the dataset';
COMMENT ON COLUMN core.experiments.model IS 'name of the network';
COMMENT ON COLUMN core.experiments.kind IS 'kind of the data: `images`, `text` or `points`';
COMMENT ON COLUMN core.experiments.connectivity_unit IS 'unit of mode connectivity (of the first curve)';
COMMENT ON COLUMN core.experiments.n_cells IS 'number of cells in the grid';
COMMENT ON COLUMN core.experiments.n_runs IS 'number of runs in the grid';
COMMENT ON COLUMN core.experiments.axes IS 'JSON: path and values of each axis, in order';
COMMENT ON COLUMN core.experiments.variants IS 'JSON: names of the variants, `base` first';
COMMENT ON COLUMN core.experiments.spec IS 'JSON: the sections of params.yaml that determine the results';
COMMENT ON COLUMN core.experiments.classify IS 'JSON: the thresholds as given, numbers or `auto`';
COMMENT ON COLUMN core.experiments.thresholds IS 'JSON: name, value, band and reason of every threshold that is `auto`';
COMMENT ON COLUMN core.experiments.performance_metric IS 'the test metric by which cells of this task are ranked';
COMMENT ON COLUMN core.experiments.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.probes IS 'One row: a probe, i.e. one configuration in which a metric is measured. Key: origin, experiment_id, position.';
COMMENT ON COLUMN core.probes.experiment_id IS 'the experiment';
COMMENT ON COLUMN core.probes.position IS 'position in the order of params.yaml';
COMMENT ON COLUMN core.probes.metric IS '`hessian`, `connectivity`, `similarity` or `custom`';
COMMENT ON COLUMN core.probes.name IS 'name in `probe` columns; `primary` is the one used to classify';
COMMENT ON COLUMN core.probes.title IS 'its name in params.yaml';
COMMENT ON COLUMN core.probes.method IS 'how it is computed';
COMMENT ON COLUMN core.probes.parameters IS 'JSON: its parameters in params.yaml';
COMMENT ON COLUMN core.probes.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.landscapes IS 'One row: a landscape, i.e. prepared data and a network. Key: origin, landscape_id.';
COMMENT ON COLUMN core.landscapes.landscape_id IS 'hash of data and network';
COMMENT ON COLUMN core.landscapes.data_id IS 'id of the prepared data';
COMMENT ON COLUMN core.landscapes.content_hash IS 'SHA-256 of the prepared arrays';
COMMENT ON COLUMN core.landscapes.dataset IS 'name of the dataset';
COMMENT ON COLUMN core.landscapes.model IS 'name of the network';
COMMENT ON COLUMN core.landscapes.width IS 'load.width: width k of the network';
COMMENT ON COLUMN core.landscapes.samples IS 'load.samples: training samples';
COMMENT ON COLUMN core.landscapes.label_noise IS 'load.label_noise: share of labels replaced; unit: 1';
COMMENT ON COLUMN core.landscapes.pixel_noise IS 'load.pixel_noise: amplitude of pixel noise, 0-255; unit: 1';
COMMENT ON COLUMN core.landscapes.extra IS 'JSON: other parameters of dataset, network and task';
COMMENT ON COLUMN core.landscapes.n_test IS 'number of test samples';
COMMENT ON COLUMN core.landscapes.n_classes IS 'number of classes';
COMMENT ON COLUMN core.landscapes.n_changed_labels IS 'number of wrong training labels';
COMMENT ON COLUMN core.landscapes.frequency_loss IS 'of guessing by label frequencies, nats; null without classes; unit: nats';
COMMENT ON COLUMN core.landscapes.n_parameters IS 'number of trainable parameters of the network';
COMMENT ON COLUMN core.landscapes.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.cells IS 'One row: a point of the grid. Key: origin, experiment_id, cell_id.';
COMMENT ON COLUMN core.cells.experiment_id IS 'the experiment';
COMMENT ON COLUMN core.cells.cell_id IS 'the cell';
COMMENT ON COLUMN core.cells.landscape_id IS 'its landscape';
COMMENT ON COLUMN core.cells.position IS 'position in the grid, with axes in the order of params.yaml';
COMMENT ON COLUMN core.cells.variant IS 'name of the variant; `base` is the grid without any overlay';
COMMENT ON COLUMN core.cells.width IS 'load.width: width k of the network';
COMMENT ON COLUMN core.cells.samples IS 'load.samples: training samples';
COMMENT ON COLUMN core.cells.label_noise IS 'load.label_noise: share of labels replaced; unit: 1';
COMMENT ON COLUMN core.cells.pixel_noise IS 'load.pixel_noise: amplitude of pixel noise, 0-255; unit: 1';
COMMENT ON COLUMN core.cells.batch_size IS 'temperature.batch_size: samples per step';
COMMENT ON COLUMN core.cells.lr IS 'temperature.lr: learning rate as given in params.yaml; unit: 1';
COMMENT ON COLUMN core.cells.weight_decay IS 'temperature.weight_decay: as passed to the optimiser; unit: 1';
COMMENT ON COLUMN core.cells.lr_in_effect IS 'learning rate after train.linear_scaling, if that is set; unit: 1';
COMMENT ON COLUMN core.cells.extra IS 'JSON: custom parameters by dotted path';
COMMENT ON COLUMN core.cells.n_runs IS 'number of runs';
COMMENT ON COLUMN core.cells.n_converged IS 'number of converged runs; metrics are computed over these';
COMMENT ON COLUMN core.cells.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.cell_metrics IS 'One row: one metric of one cell. Key: origin, experiment_id, cell_id, metric, probe.';
COMMENT ON COLUMN core.cell_metrics.experiment_id IS 'the experiment';
COMMENT ON COLUMN core.cell_metrics.cell_id IS 'the cell';
COMMENT ON COLUMN core.cell_metrics.metric IS 'name of the metric';
COMMENT ON COLUMN core.cell_metrics.probe IS 'name of the probe, or of a snapshot other than the primary';
COMMENT ON COLUMN core.cell_metrics.method IS 'the estimator';
COMMENT ON COLUMN core.cell_metrics.mean IS 'mean over converged runs or their pairs; null if there are none; unit: see `unit`';
COMMENT ON COLUMN core.cell_metrics.sd IS 'standard deviation over them; null for fewer than two; unit: see `unit`';
COMMENT ON COLUMN core.cell_metrics.n IS 'number of runs or pairs';
COMMENT ON COLUMN core.cell_metrics.standard_error IS 'of the mean over runs: sd / sqrt(n), or the delete-one-run jackknife for pairs; unit: see `unit`';
COMMENT ON COLUMN core.cell_metrics.measurement_error IS 'error of the mean due to the errors of the estimates, shared draws counted once; unit: see `unit`';
COMMENT ON COLUMN core.cell_metrics.measurement_error_kind IS 'its kind: `exact`, `independent` (in quadrature), `joint` (over the units of a shared draw), `correlated` (at most this, as if shared errors were fully correlated), `bound` or `unknown`';
COMMENT ON COLUMN core.cell_metrics.status IS '`ok`, `not converged` (some estimate has not) or `missing`';
COMMENT ON COLUMN core.cell_metrics.reason IS 'why it is not `ok`, and for how many runs or pairs';
COMMENT ON COLUMN core.cell_metrics.source IS '`measured` here, or where it was published';
COMMENT ON COLUMN core.cell_metrics.unit IS 'unit of the mean; null if dimensionless';
COMMENT ON COLUMN core.cell_metrics.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.runs IS 'One row: a trained network. Key: origin, run_id, cell_id.';
COMMENT ON COLUMN core.runs.run_id IS 'hash of data, network, training, temperature and seed';
COMMENT ON COLUMN core.runs.cell_id IS 'the cell';
COMMENT ON COLUMN core.runs.seed IS 'random seed';
COMMENT ON COLUMN core.runs.status IS '`converged` or `NC` (not converged)';
COMMENT ON COLUMN core.runs.status_reason IS 'why it has not converged';
COMMENT ON COLUMN core.runs.n_epochs IS 'number of epochs trained';
COMMENT ON COLUMN core.runs.stop_reason IS '`calm` (stopping rule met), `epochs`, `updates` (all done) or `diverged`';
COMMENT ON COLUMN core.runs.best_epoch IS 'epoch of the weights with the best training loss';
COMMENT ON COLUMN core.runs.train_loss IS 'mean loss on the training data in eval mode, in the task''s unit; unit: task''s loss';
COMMENT ON COLUMN core.runs.train_loss_sd IS 'its standard deviation over samples (for text: over tokens); unit: task''s loss';
COMMENT ON COLUMN core.runs.train_accuracy IS 'in %; null if the task has no notion of a correct prediction; unit: %';
COMMENT ON COLUMN core.runs.train_error IS 'in the task''s unit, for classification %; unit: task''s error';
COMMENT ON COLUMN core.runs.n_train IS 'training samples (for text: tokens)';
COMMENT ON COLUMN core.runs.test_loss IS 'mean loss on the test data in eval mode, in the task''s unit; unit: task''s loss';
COMMENT ON COLUMN core.runs.test_loss_sd IS 'its standard deviation over samples (for text: over tokens); unit: task''s loss';
COMMENT ON COLUMN core.runs.test_accuracy IS 'in %; null if the task has no notion of a correct prediction; unit: %';
COMMENT ON COLUMN core.runs.test_error IS 'in the task''s unit, for classification %; unit: task''s error';
COMMENT ON COLUMN core.runs.n_test IS 'test samples (for text: tokens)';
COMMENT ON COLUMN core.runs.computed IS '`grouped`: side by side with others, or `alone`';
COMMENT ON COLUMN core.runs.torch IS 'version of torch that it was trained with';
COMMENT ON COLUMN core.runs.device IS 'device that it was trained on';
COMMENT ON COLUMN core.runs.cpu IS 'CPU architecture and vector instructions';
COMMENT ON COLUMN core.runs.not_finite IS 'which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`';
COMMENT ON COLUMN core.runs.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.snapshots IS 'One row: a measured snapshot of a run''s weights. Key: origin, run_id, snapshot.';
COMMENT ON COLUMN core.snapshots.run_id IS 'the run';
COMMENT ON COLUMN core.snapshots.snapshot IS 'best_train_loss, early_stopped, last or best_test';
COMMENT ON COLUMN core.snapshots.is_primary IS 'whether all metrics are measured on these weights';
COMMENT ON COLUMN core.snapshots.epoch IS 'epoch of these weights; 0 for the initial weights';
COMMENT ON COLUMN core.snapshots.train_loss IS 'mean loss on the training data in eval mode, in the task''s unit; unit: task''s loss';
COMMENT ON COLUMN core.snapshots.train_loss_sd IS 'its standard deviation over samples (for text: over tokens); unit: task''s loss';
COMMENT ON COLUMN core.snapshots.train_accuracy IS 'in %; null if the task has no notion of a correct prediction; unit: %';
COMMENT ON COLUMN core.snapshots.train_error IS 'in the task''s unit, for classification %; unit: task''s error';
COMMENT ON COLUMN core.snapshots.n_train IS 'training samples (for text: tokens)';
COMMENT ON COLUMN core.snapshots.test_loss IS 'mean loss on the test data in eval mode, in the task''s unit; unit: task''s loss';
COMMENT ON COLUMN core.snapshots.test_loss_sd IS 'its standard deviation over samples (for text: over tokens); unit: task''s loss';
COMMENT ON COLUMN core.snapshots.test_accuracy IS 'in %; null if the task has no notion of a correct prediction; unit: %';
COMMENT ON COLUMN core.snapshots.test_error IS 'in the task''s unit, for classification %; unit: task''s error';
COMMENT ON COLUMN core.snapshots.n_test IS 'test samples (for text: tokens)';
COMMENT ON COLUMN core.snapshots.not_finite IS 'which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`';
COMMENT ON COLUMN core.snapshots.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.epochs IS 'One row: an epoch of a run. Key: origin, run_id, epoch.';
COMMENT ON COLUMN core.epochs.run_id IS 'the run';
COMMENT ON COLUMN core.epochs.epoch IS 'number of the epoch, starting at 1';
COMMENT ON COLUMN core.epochs.train_loss IS 'running mean in train mode, in the task''s unit; unit: task''s loss';
COMMENT ON COLUMN core.epochs.train_error IS 'running mean in train mode, in the task''s unit; unit: task''s error';
COMMENT ON COLUMN core.epochs.test_error IS 'what `best_test` minimises: test error, or test loss for text; unit: task''s error';
COMMENT ON COLUMN core.epochs.not_finite IS 'which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`';
COMMENT ON COLUMN core.epochs.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.estimates IS 'One row: one number measured on one run or pair, with its error. Key: origin, cell_id, run_id, other_run_id, metric, probe.';
COMMENT ON COLUMN core.estimates.cell_id IS 'the cell';
COMMENT ON COLUMN core.estimates.run_id IS 'the run, or the first run of the pair';
COMMENT ON COLUMN core.estimates.other_run_id IS 'the second run of the pair; empty for a single run';
COMMENT ON COLUMN core.estimates.metric IS 'name of the metric';
COMMENT ON COLUMN core.estimates.probe IS 'name of the probe, or of a snapshot other than the primary';
COMMENT ON COLUMN core.estimates.value IS 'the number; null if missing; unit: see `unit`';
COMMENT ON COLUMN core.estimates.error IS 'its error, in the same unit; null if unknown; unit: see `unit`';
COMMENT ON COLUMN core.estimates.error_kind IS '`exact`, `standard error`, `bound` or `unknown`';
COMMENT ON COLUMN core.estimates.n IS 'how many samples, probes, ... it was computed from';
COMMENT ON COLUMN core.estimates.n_unit IS 'what n counts: loss units, products, probes, samples, fits, ...';
COMMENT ON COLUMN core.estimates.method IS 'the estimator';
COMMENT ON COLUMN core.estimates.status IS '`ok`, `not converged` or `missing`';
COMMENT ON COLUMN core.estimates.reason IS 'why it is missing or has not converged';
COMMENT ON COLUMN core.estimates.unit IS 'unit of the number; null if dimensionless';
COMMENT ON COLUMN core.estimates.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.hessians IS 'One row: the Hessian of a converged run, or one layer''s diagonal block of it. Key: origin, run_id, layer, batch.';
COMMENT ON COLUMN core.hessians.run_id IS 'the run';
COMMENT ON COLUMN core.hessians.layer IS 'the layer''s name in torch; empty for the whole Hessian';
COMMENT ON COLUMN core.hessians.batch IS 'which batch, from 0';
COMMENT ON COLUMN core.hessians.method IS 'the estimator and its version';
COMMENT ON COLUMN core.hessians.samples IS 'training samples in the batch';
COMMENT ON COLUMN core.hessians.top_eigenvalue IS 'eigenvalue of largest magnitude; unit: task''s loss / weight^2';
COMMENT ON COLUMN core.hessians.top_residual IS 'an eigenvalue lies within this distance of the estimate; unit: task''s loss / weight^2';
COMMENT ON COLUMN core.hessians.top_products IS 'Hessian-vector products used';
COMMENT ON COLUMN core.hessians.top_converged IS 'whether it met its tolerance';
COMMENT ON COLUMN core.hessians.top_reason IS 'why not, or why it is missing';
COMMENT ON COLUMN core.hessians.trace IS 'sum of the eigenvalues; unit: task''s loss / weight^2';
COMMENT ON COLUMN core.hessians.trace_standard_error IS 'its standard error over probes; unit: task''s loss / weight^2';
COMMENT ON COLUMN core.hessians.trace_sd IS 'standard deviation of single-probe estimates; unit: task''s loss / weight^2';
COMMENT ON COLUMN core.hessians.trace_n IS 'number of probes';
COMMENT ON COLUMN core.hessians.trace_converged IS 'whether it met its tolerance';
COMMENT ON COLUMN core.hessians.trace_reason IS 'why not, or why it is missing';
COMMENT ON COLUMN core.hessians.products IS 'Hessian-vector products in total; null if not counted';
COMMENT ON COLUMN core.hessians.not_finite IS 'which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`';
COMMENT ON COLUMN core.hessians.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.densities IS 'One row: the spectral density of a Hessian at one point of a grid. Key: origin, run_id, grid_value.';
COMMENT ON COLUMN core.densities.run_id IS 'the run';
COMMENT ON COLUMN core.densities.grid_value IS 'position on the eigenvalue axis; unit: task''s loss / weight^2';
COMMENT ON COLUMN core.densities.density IS 'share of the eigenvalues per unit; unit: 1 / eigenvalue';
COMMENT ON COLUMN core.densities.standard_error IS 'standard error over random start vectors; unit: 1 / eigenvalue';
COMMENT ON COLUMN core.densities.not_finite IS 'which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`';
COMMENT ON COLUMN core.densities.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.curves IS 'One row: a curve between two converged runs, fitted by one probe. Key: origin, cell_id, run_id, other_run_id, probe, fit.';
COMMENT ON COLUMN core.curves.cell_id IS 'the cell';
COMMENT ON COLUMN core.curves.run_id IS 'one run';
COMMENT ON COLUMN core.curves.other_run_id IS 'the other';
COMMENT ON COLUMN core.curves.probe IS 'name of the probe';
COMMENT ON COLUMN core.curves.fit IS 'which fit, from 0';
COMMENT ON COLUMN core.curves.unit IS 'unit of mode connectivity';
COMMENT ON COLUMN core.curves.quantity IS 'computed from the training `error` or `loss`';
COMMENT ON COLUMN core.curves.mode_connectivity IS 'mc of Eq. 4; unit: see `unit`';
COMMENT ON COLUMN core.curves.t IS 'where the deviation is largest; unit: 1';
COMMENT ON COLUMN core.curves.lowest IS 'most negative deviation; unit: see `unit`';
COMMENT ON COLUMN core.curves.highest IS 'most positive deviation; unit: see `unit`';
COMMENT ON COLUMN core.curves.peak_error IS 'largest training error (or loss) between the endpoints; unit: see `unit`';
COMMENT ON COLUMN core.curves.area IS 'integral of the training error (or loss) over t; unit: see `unit`';
COMMENT ON COLUMN core.curves.fit_length IS 'length of the fit, in `length_unit`';
COMMENT ON COLUMN core.curves.length_unit IS '`epochs` or `updates`';
COMMENT ON COLUMN core.curves.shorter_length IS 'length of the fit that it was compared with';
COMMENT ON COLUMN core.curves.shorter_mode_connectivity IS 'mc of that fit; null if there is none; unit: see `unit`';
COMMENT ON COLUMN core.curves.converged IS 'whether the two mc agree; null: unknown';
COMMENT ON COLUMN core.curves.not_finite IS 'which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`';
COMMENT ON COLUMN core.curves.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.curve_points IS 'One row: one point of a curve, or of the straight line, between two runs. Key: origin, cell_id, run_id, other_run_id, probe, fit, t.';
COMMENT ON COLUMN core.curve_points.cell_id IS 'the cell';
COMMENT ON COLUMN core.curve_points.run_id IS 'one run';
COMMENT ON COLUMN core.curve_points.other_run_id IS 'the other';
COMMENT ON COLUMN core.curve_points.probe IS 'name of the probe; `line` for the straight line';
COMMENT ON COLUMN core.curve_points.fit IS 'which fit, from 0';
COMMENT ON COLUMN core.curve_points.t IS 'position between 0 and 1; unit: 1';
COMMENT ON COLUMN core.curve_points.train_error IS 'in the unit of the task''s error; unit: task''s error';
COMMENT ON COLUMN core.curve_points.train_loss IS 'in the unit of the task''s loss; unit: task''s loss';
COMMENT ON COLUMN core.curve_points.n_train IS 'training samples (tokens of text)';
COMMENT ON COLUMN core.curve_points.test_error IS 'in the unit of the task''s error; unit: task''s error';
COMMENT ON COLUMN core.curve_points.test_loss IS 'in the unit of the task''s loss; unit: task''s loss';
COMMENT ON COLUMN core.curve_points.n_test IS 'test samples (tokens of text)';
COMMENT ON COLUMN core.curve_points.not_finite IS 'which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`';
COMMENT ON COLUMN core.curve_points.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.similarities IS 'One row: two converged runs of a cell, compared by one probe. Key: origin, cell_id, run_id, other_run_id, probe.';
COMMENT ON COLUMN core.similarities.cell_id IS 'the cell';
COMMENT ON COLUMN core.similarities.run_id IS 'one run';
COMMENT ON COLUMN core.similarities.other_run_id IS 'the other';
COMMENT ON COLUMN core.similarities.probe IS 'name of the probe';
COMMENT ON COLUMN core.similarities.cka IS 'linear CKA; unit: 1';
COMMENT ON COLUMN core.similarities.standard_error IS 'jackknife standard error over samples; unit: 1';
COMMENT ON COLUMN core.similarities.n IS 'number of samples';
COMMENT ON COLUMN core.similarities.reason IS 'why a value is missing';
COMMENT ON COLUMN core.similarities.debiased IS 'CKA with the unbiased estimator of HSIC; unit: 1';
COMMENT ON COLUMN core.similarities.debiased_standard_error IS 'jackknife standard error over samples; unit: 1';
COMMENT ON COLUMN core.similarities.disagreement IS 'share of the samples that are classified differently; unit: 1';
COMMENT ON COLUMN core.similarities.not_finite IS 'which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`';
COMMENT ON COLUMN core.similarities.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.pairs IS 'One row: two converged runs of a cell. Key: origin, run_id, other_run_id.';
COMMENT ON COLUMN core.pairs.cell_id IS 'the cell';
COMMENT ON COLUMN core.pairs.run_id IS 'one run';
COMMENT ON COLUMN core.pairs.other_run_id IS 'the other';
COMMENT ON COLUMN core.pairs.seed IS 'seed of the first run';
COMMENT ON COLUMN core.pairs.other_seed IS 'seed of the second run';
COMMENT ON COLUMN core.pairs.cka IS 'linear CKA between softmax outputs; unit: 1';
COMMENT ON COLUMN core.pairs.cka_standard_error IS 'jackknife standard error over samples; unit: 1';
COMMENT ON COLUMN core.pairs.cka_debiased IS 'the same with the unbiased estimator of HSIC; unit: 1';
COMMENT ON COLUMN core.pairs.cka_debiased_standard_error IS 'jackknife standard error over samples; unit: 1';
COMMENT ON COLUMN core.pairs.cka_n IS 'number of samples';
COMMENT ON COLUMN core.pairs.cka_reason IS 'why a value is missing';
COMMENT ON COLUMN core.pairs.disagreement IS 'share of those samples that are classified differently; unit: 1';
COMMENT ON COLUMN core.pairs.l2_distance IS 'L2 distance between the weights; unit: 1';
COMMENT ON COLUMN core.pairs.relative_distance IS 'the distance relative to the mean norm; unit: 1';
COMMENT ON COLUMN core.pairs.norm IS 'norm of the first run''s weights; unit: 1';
COMMENT ON COLUMN core.pairs.other_norm IS 'norm of the second run''s weights; unit: 1';
COMMENT ON COLUMN core.pairs.mode_connectivity IS 'mc of Eq. 4, mean over fits; null without a curve; unit: see `connectivity_unit`';
COMMENT ON COLUMN core.pairs.mode_connectivity_error IS 'standard error over fits; null for a single fit; unit: see `connectivity_unit`';
COMMENT ON COLUMN core.pairs.fits IS 'number of fits (`repeats`)';
COMMENT ON COLUMN core.pairs.connectivity_unit IS 'unit of mc';
COMMENT ON COLUMN core.pairs.t IS 'where the deviation is largest, of the first fit; unit: 1';
COMMENT ON COLUMN core.pairs.lowest IS 'its most negative deviation; unit: see `connectivity_unit`';
COMMENT ON COLUMN core.pairs.highest IS 'its most positive deviation; unit: see `connectivity_unit`';
COMMENT ON COLUMN core.pairs.peak_error IS 'its largest training error (or loss) between the endpoints; unit: see `connectivity_unit`';
COMMENT ON COLUMN core.pairs.area IS 'integral of its training error (or loss) over t; unit: see `connectivity_unit`';
COMMENT ON COLUMN core.pairs.fit_length IS 'its length, in `length_unit`';
COMMENT ON COLUMN core.pairs.length_unit IS '`epochs` or `updates`';
COMMENT ON COLUMN core.pairs.fits_converged IS 'whether all fits have converged; null: unknown';
COMMENT ON COLUMN core.pairs.line_barrier IS 'barrier on the straight line between the runs; unit: see `connectivity_unit`';
COMMENT ON COLUMN core.pairs.line_t IS 'where the barrier is highest; unit: 1';
COMMENT ON COLUMN core.pairs.not_finite IS 'which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`';
COMMENT ON COLUMN core.pairs.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.phases IS 'One row: the phase of a cell under one set of thresholds. Key: origin, experiment_id, cell_id, classification_id.';
COMMENT ON COLUMN core.phases.experiment_id IS 'the experiment';
COMMENT ON COLUMN core.phases.cell_id IS 'the cell';
COMMENT ON COLUMN core.phases.classification_id IS 'hash of the experiment and the thresholds';
COMMENT ON COLUMN core.phases.phase IS 'I, II, III, IV-A, IV-B, NC or unclassified';
COMMENT ON COLUMN core.phases.phase_probability IS 'that as many fresh runs give this label; null if unknown; unit: 1';
COMMENT ON COLUMN core.phases.second_phase IS 'the most probable other phase; null if there is none';
COMMENT ON COLUMN core.phases.reason IS 'how sure the label is, and which number crossed which threshold';
COMMENT ON COLUMN core.phases.probability_reason IS 'why the probability is unknown';
COMMENT ON COLUMN core.phases.ambiguous IS 'whether the sign of mode connectivity is uncertain';
COMMENT ON COLUMN core.phases.doubtful IS 'flat, but training loss > 10 times the median of flat cells';
COMMENT ON COLUMN core.phases.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.phase_probabilities IS 'One row: the probability of one phase of a cell. Key: origin, experiment_id, cell_id, classification_id, phase.';
COMMENT ON COLUMN core.phase_probabilities.experiment_id IS 'the experiment';
COMMENT ON COLUMN core.phase_probabilities.cell_id IS 'the cell';
COMMENT ON COLUMN core.phase_probabilities.classification_id IS 'hash of the experiment and the thresholds';
COMMENT ON COLUMN core.phase_probabilities.phase IS 'each phase of the rule; no row if probabilities are unknown';
COMMENT ON COLUMN core.phase_probabilities.probability IS 'that as many fresh runs, measured afresh, give this label; unit: 1';
COMMENT ON COLUMN core.phase_probabilities.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.criteria IS 'One row: one criterion of the phase rule, and how many labels hang on it. Key: origin, experiment_id, classification_id, position.';
COMMENT ON COLUMN core.criteria.experiment_id IS 'the experiment';
COMMENT ON COLUMN core.criteria.classification_id IS 'hash of the experiment and the thresholds';
COMMENT ON COLUMN core.criteria.position IS 'position among the criteria';
COMMENT ON COLUMN core.criteria.criterion IS 'its name';
COMMENT ON COLUMN core.criteria.metric IS 'the metric whose mean over a cell is compared';
COMMENT ON COLUMN core.criteria.relation IS '`<`, `>` or `>=`: how it stands to the threshold if it is met';
COMMENT ON COLUMN core.criteria.threshold IS 'what the metric is compared with; unit: of the metric';
COMMENT ON COLUMN core.criteria.changed_without IS 'cells with another phase if it were never met';
COMMENT ON COLUMN core.criteria.changed_at_75 IS 'the same at 75% of the threshold';
COMMENT ON COLUMN core.criteria.changed_at_90 IS 'the same at 90% of the threshold';
COMMENT ON COLUMN core.criteria.changed_at_110 IS 'the same at 110% of the threshold';
COMMENT ON COLUMN core.criteria.changed_at_125 IS 'the same at 125% of the threshold';
COMMENT ON COLUMN core.criteria.origin IS 'the source that the row was read from, see `sources`';

COMMENT ON TABLE core.sources IS 'One row: a place where the results of an experiment were found. Key: origin, kind, name, repository, revision, path.';
COMMENT ON COLUMN core.sources.origin IS '`origin` of its rows in the other tables';
COMMENT ON COLUMN core.sources.name IS '`current`, the folder in data/collected, or the name of an import';
COMMENT ON COLUMN core.sources.kind IS '`current`, `imported` or `collected`';
COMMENT ON COLUMN core.sources.experiment_id IS 'the experiment';
COMMENT ON COLUMN core.sources.classification_id IS 'hash of the experiment and its thresholds';
COMMENT ON COLUMN core.sources.repository IS 'URL or path of the Git repository; null: this project';
COMMENT ON COLUMN core.sources.revision IS 'commit; null if it is not from one';
COMMENT ON COLUMN core.sources.refs IS 'JSON: the branches, tags and DVC experiments at this commit';
COMMENT ON COLUMN core.sources.path IS 'the catalog''s folder in its repository';
COMMENT ON COLUMN core.sources.format IS 'of published results: that of the importer';
COMMENT ON COLUMN core.sources.file IS 'of published results: name of the imported file';
COMMENT ON COLUMN core.sources.sha256 IS 'of published results: SHA-256 of that file';
COMMENT ON COLUMN core.sources.citation IS 'of published results: the publication';
COMMENT ON COLUMN core.sources.url IS 'of published results: where they were published';
COMMENT ON COLUMN core.sources.schema_version IS 'version of the tables as they are stored';
COMMENT ON COLUMN core.sources.fingerprint IS 'hash of the tables'' content';
COMMENT ON COLUMN core.sources.note IS 'what is to be known about these results';

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

CREATE VIEW sources AS SELECT * FROM core.sources;

-- One row: a parameter of a cell.
CREATE VIEW coordinates AS
SELECT origin, experiment_id, cell_id, 'load.width' AS parameter, CASE WHEN width = trunc(width) AND abs(width) < 1e15 THEN width::BIGINT::VARCHAR ELSE width::DOUBLE::VARCHAR END AS value, width::DOUBLE AS number
FROM core.cells WHERE width IS NOT NULL
UNION ALL
SELECT origin, experiment_id, cell_id, 'load.samples' AS parameter, CASE WHEN samples = trunc(samples) AND abs(samples) < 1e15 THEN samples::BIGINT::VARCHAR ELSE samples::DOUBLE::VARCHAR END AS value, samples::DOUBLE AS number
FROM core.cells WHERE samples IS NOT NULL
UNION ALL
SELECT origin, experiment_id, cell_id, 'load.label_noise' AS parameter, CASE WHEN label_noise = trunc(label_noise) AND abs(label_noise) < 1e15 THEN label_noise::BIGINT::VARCHAR ELSE label_noise::DOUBLE::VARCHAR END AS value, label_noise::DOUBLE AS number
FROM core.cells WHERE label_noise IS NOT NULL
UNION ALL
SELECT origin, experiment_id, cell_id, 'load.pixel_noise' AS parameter, CASE WHEN pixel_noise = trunc(pixel_noise) AND abs(pixel_noise) < 1e15 THEN pixel_noise::BIGINT::VARCHAR ELSE pixel_noise::DOUBLE::VARCHAR END AS value, pixel_noise::DOUBLE AS number
FROM core.cells WHERE pixel_noise IS NOT NULL
UNION ALL
SELECT origin, experiment_id, cell_id, 'temperature.batch_size' AS parameter, CASE WHEN batch_size = trunc(batch_size) AND abs(batch_size) < 1e15 THEN batch_size::BIGINT::VARCHAR ELSE batch_size::DOUBLE::VARCHAR END AS value, batch_size::DOUBLE AS number
FROM core.cells WHERE batch_size IS NOT NULL
UNION ALL
SELECT origin, experiment_id, cell_id, 'temperature.lr' AS parameter, CASE WHEN lr = trunc(lr) AND abs(lr) < 1e15 THEN lr::BIGINT::VARCHAR ELSE lr::DOUBLE::VARCHAR END AS value, lr::DOUBLE AS number
FROM core.cells WHERE lr IS NOT NULL
UNION ALL
SELECT origin, experiment_id, cell_id, 'temperature.weight_decay' AS parameter, CASE WHEN weight_decay = trunc(weight_decay) AND abs(weight_decay) < 1e15 THEN weight_decay::BIGINT::VARCHAR ELSE weight_decay::DOUBLE::VARCHAR END AS value, weight_decay::DOUBLE AS number
FROM core.cells WHERE weight_decay IS NOT NULL
UNION ALL
SELECT origin, experiment_id, cell_id, parameter, coalesce(CASE WHEN number = trunc(number) AND abs(number) < 1e15 THEN number::BIGINT::VARCHAR ELSE number::DOUBLE::VARCHAR END, given, 'null') AS value, number
FROM (
    SELECT origin, experiment_id, cell_id, e.key AS parameter, e.value ->> '$' AS given,
        CASE WHEN e.type IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN given::DOUBLE END AS number
    FROM core.cells, json_each(extra) AS e
    WHERE starts_with(e.key, 'load.') OR starts_with(e.key, 'temperature.')
)
UNION ALL
SELECT origin, experiment_id, cell_id, 'variant', variant, NULL FROM core.cells WHERE variant IS NOT NULL;

-- One row: a cell: its parameters, phase, and mean, sd, count, status and reason of each metric.
CREATE VIEW cells AS
WITH wide AS (
    SELECT origin, experiment_id, cell_id,
        max(CASE WHEN metric = 'train_loss' THEN mean END) AS "train_loss",
        max(CASE WHEN metric = 'train_loss' THEN sd END) AS "train_loss_sd",
        max(CASE WHEN metric = 'train_loss' THEN n END) AS "train_loss_n",
        max(CASE WHEN metric = 'train_loss' THEN status END) AS "train_loss_status",
        max(CASE WHEN metric = 'train_loss' THEN reason END) AS "train_loss_reason",
        max(CASE WHEN metric = 'train_accuracy' THEN mean END) AS "train_accuracy",
        max(CASE WHEN metric = 'train_accuracy' THEN sd END) AS "train_accuracy_sd",
        max(CASE WHEN metric = 'train_accuracy' THEN n END) AS "train_accuracy_n",
        max(CASE WHEN metric = 'train_accuracy' THEN status END) AS "train_accuracy_status",
        max(CASE WHEN metric = 'train_accuracy' THEN reason END) AS "train_accuracy_reason",
        max(CASE WHEN metric = 'train_error' THEN mean END) AS "train_error",
        max(CASE WHEN metric = 'train_error' THEN sd END) AS "train_error_sd",
        max(CASE WHEN metric = 'train_error' THEN n END) AS "train_error_n",
        max(CASE WHEN metric = 'train_error' THEN status END) AS "train_error_status",
        max(CASE WHEN metric = 'train_error' THEN reason END) AS "train_error_reason",
        max(CASE WHEN metric = 'test_loss' THEN mean END) AS "test_loss",
        max(CASE WHEN metric = 'test_loss' THEN sd END) AS "test_loss_sd",
        max(CASE WHEN metric = 'test_loss' THEN n END) AS "test_loss_n",
        max(CASE WHEN metric = 'test_loss' THEN status END) AS "test_loss_status",
        max(CASE WHEN metric = 'test_loss' THEN reason END) AS "test_loss_reason",
        max(CASE WHEN metric = 'test_accuracy' THEN mean END) AS "test_accuracy",
        max(CASE WHEN metric = 'test_accuracy' THEN sd END) AS "test_accuracy_sd",
        max(CASE WHEN metric = 'test_accuracy' THEN n END) AS "test_accuracy_n",
        max(CASE WHEN metric = 'test_accuracy' THEN status END) AS "test_accuracy_status",
        max(CASE WHEN metric = 'test_accuracy' THEN reason END) AS "test_accuracy_reason",
        max(CASE WHEN metric = 'test_error' THEN mean END) AS "test_error",
        max(CASE WHEN metric = 'test_error' THEN sd END) AS "test_error_sd",
        max(CASE WHEN metric = 'test_error' THEN n END) AS "test_error_n",
        max(CASE WHEN metric = 'test_error' THEN status END) AS "test_error_status",
        max(CASE WHEN metric = 'test_error' THEN reason END) AS "test_error_reason",
        max(CASE WHEN metric = 'top_eigenvalue' THEN mean END) AS "top_eigenvalue",
        max(CASE WHEN metric = 'top_eigenvalue' THEN sd END) AS "top_eigenvalue_sd",
        max(CASE WHEN metric = 'top_eigenvalue' THEN n END) AS "top_eigenvalue_n",
        max(CASE WHEN metric = 'top_eigenvalue' THEN status END) AS "top_eigenvalue_status",
        max(CASE WHEN metric = 'top_eigenvalue' THEN reason END) AS "top_eigenvalue_reason",
        max(CASE WHEN metric = 'trace' THEN mean END) AS "trace",
        max(CASE WHEN metric = 'trace' THEN sd END) AS "trace_sd",
        max(CASE WHEN metric = 'trace' THEN n END) AS "trace_n",
        max(CASE WHEN metric = 'trace' THEN status END) AS "trace_status",
        max(CASE WHEN metric = 'trace' THEN reason END) AS "trace_reason",
        max(CASE WHEN metric = 'mode_connectivity' THEN mean END) AS "mode_connectivity",
        max(CASE WHEN metric = 'mode_connectivity' THEN sd END) AS "mode_connectivity_sd",
        max(CASE WHEN metric = 'mode_connectivity' THEN n END) AS "mode_connectivity_n",
        max(CASE WHEN metric = 'mode_connectivity' THEN status END) AS "mode_connectivity_status",
        max(CASE WHEN metric = 'mode_connectivity' THEN reason END) AS "mode_connectivity_reason",
        max(CASE WHEN metric = 'connectivity_lowest' THEN mean END) AS "connectivity_lowest",
        max(CASE WHEN metric = 'connectivity_lowest' THEN sd END) AS "connectivity_lowest_sd",
        max(CASE WHEN metric = 'connectivity_lowest' THEN n END) AS "connectivity_lowest_n",
        max(CASE WHEN metric = 'connectivity_lowest' THEN status END) AS "connectivity_lowest_status",
        max(CASE WHEN metric = 'connectivity_lowest' THEN reason END) AS "connectivity_lowest_reason",
        max(CASE WHEN metric = 'connectivity_highest' THEN mean END) AS "connectivity_highest",
        max(CASE WHEN metric = 'connectivity_highest' THEN sd END) AS "connectivity_highest_sd",
        max(CASE WHEN metric = 'connectivity_highest' THEN n END) AS "connectivity_highest_n",
        max(CASE WHEN metric = 'connectivity_highest' THEN status END) AS "connectivity_highest_status",
        max(CASE WHEN metric = 'connectivity_highest' THEN reason END) AS "connectivity_highest_reason",
        max(CASE WHEN metric = 'peak_error' THEN mean END) AS "peak_error",
        max(CASE WHEN metric = 'peak_error' THEN sd END) AS "peak_error_sd",
        max(CASE WHEN metric = 'peak_error' THEN n END) AS "peak_error_n",
        max(CASE WHEN metric = 'peak_error' THEN status END) AS "peak_error_status",
        max(CASE WHEN metric = 'peak_error' THEN reason END) AS "peak_error_reason",
        max(CASE WHEN metric = 'curve_area' THEN mean END) AS "curve_area",
        max(CASE WHEN metric = 'curve_area' THEN sd END) AS "curve_area_sd",
        max(CASE WHEN metric = 'curve_area' THEN n END) AS "curve_area_n",
        max(CASE WHEN metric = 'curve_area' THEN status END) AS "curve_area_status",
        max(CASE WHEN metric = 'curve_area' THEN reason END) AS "curve_area_reason",
        max(CASE WHEN metric = 'line_barrier' THEN mean END) AS "line_barrier",
        max(CASE WHEN metric = 'line_barrier' THEN sd END) AS "line_barrier_sd",
        max(CASE WHEN metric = 'line_barrier' THEN n END) AS "line_barrier_n",
        max(CASE WHEN metric = 'line_barrier' THEN status END) AS "line_barrier_status",
        max(CASE WHEN metric = 'line_barrier' THEN reason END) AS "line_barrier_reason",
        max(CASE WHEN metric = 'train_loss_running' THEN mean END) AS "train_loss_running",
        max(CASE WHEN metric = 'train_loss_running' THEN sd END) AS "train_loss_running_sd",
        max(CASE WHEN metric = 'train_loss_running' THEN n END) AS "train_loss_running_n",
        max(CASE WHEN metric = 'train_loss_running' THEN status END) AS "train_loss_running_status",
        max(CASE WHEN metric = 'train_loss_running' THEN reason END) AS "train_loss_running_reason",
        max(CASE WHEN metric = 'train_loss_recomputed' THEN mean END) AS "train_loss_recomputed",
        max(CASE WHEN metric = 'train_loss_recomputed' THEN sd END) AS "train_loss_recomputed_sd",
        max(CASE WHEN metric = 'train_loss_recomputed' THEN n END) AS "train_loss_recomputed_n",
        max(CASE WHEN metric = 'train_loss_recomputed' THEN status END) AS "train_loss_recomputed_status",
        max(CASE WHEN metric = 'train_loss_recomputed' THEN reason END) AS "train_loss_recomputed_reason",
        max(CASE WHEN metric = 'cka' THEN mean END) AS "cka",
        max(CASE WHEN metric = 'cka' THEN sd END) AS "cka_sd",
        max(CASE WHEN metric = 'cka' THEN n END) AS "cka_n",
        max(CASE WHEN metric = 'cka' THEN status END) AS "cka_status",
        max(CASE WHEN metric = 'cka' THEN reason END) AS "cka_reason",
        max(CASE WHEN metric = 'cka_debiased' THEN mean END) AS "cka_debiased",
        max(CASE WHEN metric = 'cka_debiased' THEN sd END) AS "cka_debiased_sd",
        max(CASE WHEN metric = 'cka_debiased' THEN n END) AS "cka_debiased_n",
        max(CASE WHEN metric = 'cka_debiased' THEN status END) AS "cka_debiased_status",
        max(CASE WHEN metric = 'cka_debiased' THEN reason END) AS "cka_debiased_reason",
        max(CASE WHEN metric = 'disagreement' THEN mean END) AS "disagreement",
        max(CASE WHEN metric = 'disagreement' THEN sd END) AS "disagreement_sd",
        max(CASE WHEN metric = 'disagreement' THEN n END) AS "disagreement_n",
        max(CASE WHEN metric = 'disagreement' THEN status END) AS "disagreement_status",
        max(CASE WHEN metric = 'disagreement' THEN reason END) AS "disagreement_reason",
        max(CASE WHEN metric = 'l2_distance' THEN mean END) AS "l2_distance",
        max(CASE WHEN metric = 'l2_distance' THEN sd END) AS "l2_distance_sd",
        max(CASE WHEN metric = 'l2_distance' THEN n END) AS "l2_distance_n",
        max(CASE WHEN metric = 'l2_distance' THEN status END) AS "l2_distance_status",
        max(CASE WHEN metric = 'l2_distance' THEN reason END) AS "l2_distance_reason",
        max(CASE WHEN metric = 'relative_distance' THEN mean END) AS "relative_distance",
        max(CASE WHEN metric = 'relative_distance' THEN sd END) AS "relative_distance_sd",
        max(CASE WHEN metric = 'relative_distance' THEN n END) AS "relative_distance_n",
        max(CASE WHEN metric = 'relative_distance' THEN status END) AS "relative_distance_status",
        max(CASE WHEN metric = 'relative_distance' THEN reason END) AS "relative_distance_reason",
        max(CASE WHEN metric = 'norm' THEN mean END) AS "norm",
        max(CASE WHEN metric = 'norm' THEN sd END) AS "norm_sd",
        max(CASE WHEN metric = 'norm' THEN n END) AS "norm_n",
        max(CASE WHEN metric = 'norm' THEN status END) AS "norm_status",
        max(CASE WHEN metric = 'norm' THEN reason END) AS "norm_reason",
        max(CASE WHEN metric = 'n_epochs' THEN mean END) AS "n_epochs",
        max(CASE WHEN metric = 'n_epochs' THEN sd END) AS "n_epochs_sd",
        max(CASE WHEN metric = 'n_epochs' THEN n END) AS "n_epochs_n",
        max(CASE WHEN metric = 'n_epochs' THEN status END) AS "n_epochs_status",
        max(CASE WHEN metric = 'n_epochs' THEN reason END) AS "n_epochs_reason"
    FROM core.cell_metrics WHERE probe = 'primary' GROUP BY origin, experiment_id, cell_id
)
SELECT c.*, e.classification_id, l.dataset, l.model, l.n_parameters,
    p.phase, p.phase_probability, p.second_phase, p.reason, p.probability_reason, p.ambiguous, p.doubtful,
    wide.* EXCLUDE (origin, experiment_id, cell_id)
FROM core.cells AS c
JOIN core.experiments AS e USING (origin, experiment_id)
LEFT JOIN core.landscapes AS l USING (origin, landscape_id)
LEFT JOIN wide USING (origin, experiment_id, cell_id)
LEFT JOIN core.phases AS p
    ON p.origin = c.origin AND p.experiment_id = c.experiment_id AND p.cell_id = c.cell_id
    AND p.classification_id = e.classification_id
ORDER BY c.origin, c.position;

-- One row: a cell with the test metric by which cells of its experiment are ranked.
CREATE VIEW performances AS
SELECT c.origin, c.experiment_id, e.classification_id, c.cell_id, m.metric,
    m.mean AS performance, m.standard_error,
    CASE WHEN m.metric IN ('test_accuracy') THEN m.mean ELSE -m.mean END AS score
FROM core.cells AS c
JOIN core.experiments AS e USING (origin, experiment_id)
JOIN core.cell_metrics AS m
    ON m.origin = c.origin AND m.experiment_id = c.experiment_id AND m.cell_id = c.cell_id
    AND m.metric = e.performance_metric AND m.probe = 'primary';

-- One row: a load with its best cell, by the test metric by which cells are ranked.
CREATE VIEW best_per_load AS
WITH varying AS (
    SELECT origin, experiment_id, parameter FROM coordinates
    GROUP BY ALL HAVING count(DISTINCT value) > 1
), loads AS (
    SELECT origin, experiment_id, cell_id,
        string_agg(parameter || ' = ' || value, ', ' ORDER BY parameter) AS load
    FROM coordinates JOIN varying USING (origin, experiment_id, parameter)
    WHERE parameter LIKE 'load.%' GROUP BY ALL
), ranked AS (
    SELECT c.*, coalesce(loads.load, '') AS load, p.metric, p.performance, p.standard_error,
        row_number() OVER (of_load ORDER BY p.score DESC, c.position) AS place,
        count(*) OVER (of_load) AS n_cells
    FROM cells AS c
    JOIN performances AS p USING (origin, experiment_id, classification_id, cell_id)
    LEFT JOIN loads USING (origin, experiment_id, cell_id)
    WHERE p.score IS NOT NULL
    WINDOW of_load AS (
        PARTITION BY c.origin, c.experiment_id, c.classification_id, c.variant, loads.load
    )
)
SELECT origin, experiment_id, classification_id, variant, load, width, samples, label_noise,
    pixel_noise, batch_size, lr, weight_decay, cell_id, phase, phase_probability, metric,
    performance, standard_error, n_cells
FROM ranked WHERE place = 1
ORDER BY origin, classification_id, variant, width, samples, label_noise, pixel_noise, load;

-- One row: a cell as a point of a slice: a line through the grid along one axis.
CREATE VIEW double_descent AS
WITH varying AS (
    SELECT origin, experiment_id, parameter FROM coordinates
    GROUP BY ALL HAVING count(DISTINCT value) > 1
), placed AS (
    SELECT k.* FROM coordinates AS k JOIN varying USING (origin, experiment_id, parameter)
), slices AS (
    SELECT a.origin, a.experiment_id, a.cell_id, a.parameter AS axis, a.number AS value,
        coalesce(string_agg(o.parameter || ' = ' || o.value, ', ' ORDER BY o.parameter), '')
            AS slice
    FROM placed AS a
    LEFT JOIN placed AS o
        ON o.origin = a.origin AND o.experiment_id = a.experiment_id AND o.cell_id = a.cell_id
        AND o.parameter <> a.parameter
    WHERE a.number IS NOT NULL
    GROUP BY ALL
), points AS (
    SELECT *,
        lag(performance) OVER along AS lower,
        max(score) OVER (along ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
        max(score) OVER (along ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS after
    FROM slices JOIN performances AS p USING (origin, experiment_id, cell_id)
    WINDOW line AS (PARTITION BY origin, experiment_id, classification_id, axis, slice),
        along AS (line ORDER BY value)
    QUALIFY count(*) OVER line > 1
)
SELECT points.origin, points.experiment_id, points.classification_id, axis, slice, value,
    points.cell_id, metric, performance, standard_error, performance - lower AS change,
    CASE WHEN before IS NULL OR after IS NULL THEN NULL
        ELSE least(before, after) - score END AS dip,
    c.phase, c.train_loss, c.top_eigenvalue, c.mode_connectivity, c.cka
FROM points
JOIN cells AS c USING (origin, experiment_id, classification_id, cell_id)
ORDER BY points.origin, points.classification_id, axis, slice, value;

-- One row: a metric of a cell in two experiments, named by source, experiment or classification; cells match by the parameters that vary in either.
CREATE MACRO experiment_diff(a, b) AS TABLE
WITH chosen_a AS (
    SELECT * FROM core.experiments AS e
    WHERE CASE
        WHEN (SELECT count(*) FROM core.experiments AS e WHERE (a IN (e.origin, e.experiment_id, e.classification_id) OR e.origin IN (SELECT s.origin FROM core.sources AS s WHERE s.name = a))) = 0
        THEN error('experiment_diff: there is no experiment ''' || coalesce(a::VARCHAR, 'NULL') || ''' here; '
            || 'the table experiments lists them, and --all asks every source')
        WHEN (SELECT count(*) FROM core.experiments AS e WHERE (a IN (e.origin, e.experiment_id, e.classification_id) OR e.origin IN (SELECT s.origin FROM core.sources AS s WHERE s.name = a))) > 1
        THEN error('experiment_diff: ''' || coalesce(a::VARCHAR, 'NULL') || ''' is the id of several; name one by '
            || 'its origin or classification_id')
        ELSE (a IN (e.origin, e.experiment_id, e.classification_id) OR e.origin IN (SELECT s.origin FROM core.sources AS s WHERE s.name = a)) END
), chosen_b AS (
    SELECT * FROM core.experiments AS e
    WHERE CASE
        WHEN (SELECT count(*) FROM core.experiments AS e WHERE (b IN (e.origin, e.experiment_id, e.classification_id) OR e.origin IN (SELECT s.origin FROM core.sources AS s WHERE s.name = b))) = 0
        THEN error('experiment_diff: there is no experiment ''' || coalesce(b::VARCHAR, 'NULL') || ''' here; '
            || 'the table experiments lists them, and --all asks every source')
        WHEN (SELECT count(*) FROM core.experiments AS e WHERE (b IN (e.origin, e.experiment_id, e.classification_id) OR e.origin IN (SELECT s.origin FROM core.sources AS s WHERE s.name = b))) > 1
        THEN error('experiment_diff: ''' || coalesce(b::VARCHAR, 'NULL') || ''' is the id of several; name one by '
            || 'its origin or classification_id')
        ELSE (b IN (e.origin, e.experiment_id, e.classification_id) OR e.origin IN (SELECT s.origin FROM core.sources AS s WHERE s.name = b)) END
), values_a AS (
    SELECT parameter, count(DISTINCT value) AS n FROM coordinates
    JOIN chosen_a USING (origin, experiment_id) GROUP BY parameter
), values_b AS (
    SELECT parameter, count(DISTINCT value) AS n FROM coordinates
    JOIN chosen_b USING (origin, experiment_id) GROUP BY parameter
), varying AS (
    SELECT parameter FROM values_a FULL JOIN values_b USING (parameter)
    WHERE coalesce(values_a.n, 1) > 1 OR coalesce(values_b.n, 1) > 1
), placed_a AS (
    SELECT k.origin, k.experiment_id, k.cell_id, p.phase,
        coalesce(string_agg(k.parameter || ' = ' || k.value, ', ' ORDER BY k.parameter)
            FILTER (WHERE v.parameter IS NOT NULL), '') AS cell
    FROM coordinates AS k
    JOIN chosen_a AS e USING (origin, experiment_id)
    LEFT JOIN varying AS v ON v.parameter = k.parameter
    LEFT JOIN core.phases AS p
        ON p.origin = k.origin AND p.experiment_id = k.experiment_id
        AND p.cell_id = k.cell_id AND p.classification_id = e.classification_id
    GROUP BY ALL
), placed_b AS (
    SELECT k.origin, k.experiment_id, k.cell_id, p.phase,
        coalesce(string_agg(k.parameter || ' = ' || k.value, ', ' ORDER BY k.parameter)
            FILTER (WHERE v.parameter IS NOT NULL), '') AS cell
    FROM coordinates AS k
    JOIN chosen_b AS e USING (origin, experiment_id)
    LEFT JOIN varying AS v ON v.parameter = k.parameter
    LEFT JOIN core.phases AS p
        ON p.origin = k.origin AND p.experiment_id = k.experiment_id
        AND p.cell_id = k.cell_id AND p.classification_id = e.classification_id
    GROUP BY ALL
), measured_a AS (
    SELECT placed.cell, m.metric, m.mean, m.standard_error
    FROM placed_a AS placed
    JOIN core.cell_metrics AS m
        ON m.origin = placed.origin AND m.experiment_id = placed.experiment_id
        AND m.cell_id = placed.cell_id AND m.probe = 'primary'
), measured_b AS (
    SELECT placed.cell, m.metric, m.mean, m.standard_error
    FROM placed_b AS placed
    JOIN core.cell_metrics AS m
        ON m.origin = placed.origin AND m.experiment_id = placed.experiment_id
        AND m.cell_id = placed.cell_id AND m.probe = 'primary'
)
SELECT cell, x.cell_id AS cell_a, y.cell_id AS cell_b, x.phase AS phase_a, y.phase AS phase_b,
    metric, m.mean AS a, n.mean AS b, n.mean - m.mean AS difference,
    sqrt(m.standard_error * m.standard_error + n.standard_error * n.standard_error)
        AS standard_error
FROM measured_a AS m FULL JOIN measured_b AS n USING (cell, metric)
LEFT JOIN placed_a AS x USING (cell)
LEFT JOIN placed_b AS y USING (cell)
ORDER BY cell, metric;
