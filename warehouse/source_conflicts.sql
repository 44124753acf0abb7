-- One row per cell and pair of sources that both have a figure for it, countries of $ref_areas, as known at $as_of.
--
-- The first source of a pair is the one that goes first by preference (reported before modelled, then priority).
-- difference = other_value - obs_value; relative_difference = 100 x difference / |obs_value|, empty where that is zero.
-- Each source speaks through its latest vintage; projections are left out. Grain of a cell: as in observations.sql.
-- Parameters: as in observations.sql, and $ref_areas.
with

bounds as (
    select
        unnest(cast($bounded_sources as varchar[])) as source_id,
        unnest(cast($bounds as date[])) as known_until
),

keep_what_was_known as (
    select
        staged.*,
        sources.priority,
        case when staged.basis = 'modelled_estimate' then 'modelled' else 'reported' end as basis_kind
    from staging.observations as staged
    inner join codelists.sources as sources using (source_id)
    left join bounds using (source_id)
    where list_contains($ref_areas, staged.ref_area)
        and staged.basis <> 'projection'
        and staged.as_of <= coalesce(bounds.known_until, cast($as_of as date))
),

take_latest_vintage as (
    select * from keep_what_was_known
    qualify row_number() over (
        partition by
            ref_area, indicator, time_period, economic_activity, sex, age, counterpart_area, freq,
            activity_revision, occupation, occupation_revision, citizenship, unit_measure, source_id
        order by as_of desc, observation_id
    ) = 1
),

figures as (
    select * from take_latest_vintage where obs_value is not null
),

pair_sources as (
    select first.*, other.source_id as other_source_id, other.as_of as other_as_of, other.basis as other_basis,
        other.obs_value as other_value, other.observation_id as other_observation_id,
        other.snapshot_sha as other_snapshot_sha
    from figures as first
    inner join figures as other using (
        ref_area, indicator, time_period, economic_activity, sex, age, counterpart_area, freq,
        activity_revision, occupation, occupation_revision, citizenship, unit_measure
    )
    where (first.basis_kind = 'modelled', first.priority, first.source_id)
        < (other.basis_kind = 'modelled', other.priority, other.source_id)
),

final as (
    select
        ref_area, counterpart_area, freq, indicator, sex, age, economic_activity, activity_revision, occupation,
        occupation_revision, citizenship, unit_measure, time_period,
        source_id, as_of, basis, obs_value,
        other_source_id, other_as_of, other_basis, other_value,
        other_value - obs_value as difference,
        100 * (other_value - obs_value) / nullif(abs(obs_value), 0) as relative_difference,
        observation_id, other_observation_id, snapshot_sha, other_snapshot_sha
    from pair_sources
    order by all
)

select * from final
