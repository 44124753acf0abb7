-- marts.observations: one row per series key, time period and kind of basis, as known at $as_of.
--
-- Preference, cell by cell: the latest vintage of each source that was known at $as_of; then a source
-- that has a figure before one that reports it missing; then the lowest priority of the source.
-- A later vintage of a source replaces its earlier projection of the same cell, whatever its basis.
-- A series may therefore change its source; the first figure after the change is marked as a break.
-- A break is: status B, a note that the source declares to mean a break, a declared correction
-- (flag_break), or a change of source since the last figure of the same series and kind of basis.
-- Parameters: $as_of (date); $bounded_sources and $bounds (lists of equal length, mostly empty): sources whose
-- knowledge ends on another date than $as_of. The same text makes the table macro marts.observations_as_of(date).
with

staged as (
    select * from staging.observations
),

bounds as (
    select
        unnest(cast($bounded_sources as varchar[])) as source_id,
        unnest(cast($bounds as date[])) as known_until
),

sources as (
    select source_id, priority, break_notes from codelists.sources
),

declared_breaks as (
    select correction_id, reason from codelists.corrections where action = 'flag_break'
),

keep_what_was_known as (
    select
        staged.*,
        sources.priority,
        sources.break_notes,
        case when staged.basis in ('modelled_estimate', 'projection') then 'modelled' else 'reported' end as basis_kind
    from staged
    inner join sources using (source_id)
    left join bounds using (source_id)
    where staged.as_of <= coalesce(bounds.known_until, cast($as_of as date))
),

take_latest_vintage as (
    select
        *,
        count(*) over (
            partition by
                ref_area, indicator, time_period, economic_activity, sex, age, counterpart_area, freq,
                activity_revision, occupation, occupation_revision, citizenship, unit_measure, source_id
        ) as n_vintages
    from keep_what_was_known
    qualify row_number() over (
        partition by
            ref_area, indicator, time_period, economic_activity, sex, age, counterpart_area, freq,
            activity_revision, occupation, occupation_revision, citizenship, unit_measure, source_id
        order by as_of desc, observation_id
    ) = 1
),

rank_sources as (
    select
        *,
        row_number() over cell_by_preference as preference,
        first_value(observation_id) over cell_by_preference as preferred_id,
        sum(n_vintages) over cell_as_a_whole as n_known,
        count(*) over cell_as_a_whole as n_sources,
        min(priority) over cell_as_a_whole as best_priority
    from take_latest_vintage
    window
        cell_by_preference as (
            partition by
                ref_area, indicator, time_period, economic_activity, sex, age, counterpart_area, freq,
                activity_revision, occupation, occupation_revision, citizenship, unit_measure, basis_kind
            order by obs_value is null, priority, as_of desc, source_id
        ),
        cell_as_a_whole as (
            partition by
                ref_area, indicator, time_period, economic_activity, sex, age, counterpart_area, freq,
                activity_revision, occupation, occupation_revision, citizenship, unit_measure, basis_kind
        )
),

name_the_other_sources as (
    select
        preferred_id,
        string_agg(
            source_id || ' (priority ' || priority || case when obs_value is null then ', no figure)' else ')' end,
            ', ' order by preference
        ) as others
    from rank_sources
    where n_sources > 1 and preference > 1
    group by preferred_id
),

compare_with_figure_before as (
    select
        *,
        case when obs_value is not null then
            lag(case when obs_value is not null then source_id end ignore nulls) over (
                partition by
                    ref_area, indicator, economic_activity, sex, age, counterpart_area, freq,
                    activity_revision, occupation, occupation_revision, citizenship, unit_measure, basis_kind
                order by time_period
            )
        end as source_before
    from rank_sources
    where preference = 1
),

word_the_reasons as (
    select
        figures.*,
        cast(figures.n_known - 1 as integer) as n_alternatives,
        case
            when figures.n_known = 1 then 'the only published figure'
            when figures.n_sources = 1
                then 'latest of ' || figures.n_vintages || ' vintages of ' || figures.source_id
            when figures.priority > figures.best_priority
                then figures.source_id || ' (priority ' || figures.priority || ') has a figure; not taken: ' || others.others
            else figures.source_id || ' (priority ' || figures.priority || ') goes before ' || others.others
        end as preferred_because,
        nullif(
            concat_ws(
                '; ',
                case when declared_breaks.reason is not null
                    then 'declared break (' || figures.correction_id || '): ' || declared_breaks.reason end,
                case when regexp_matches(figures.note, figures.break_notes)
                    then 'publisher''s note: ' || figures.note end,
                case when figures.obs_status = 'B' then 'publisher''s flag B (break in time series)' end,
                case when figures.source_before <> figures.source_id
                    then 'source changes from ' || figures.source_before || ' to ' || figures.source_id end
            ),
            ''
        ) as break_reason
    from compare_with_figure_before as figures
    left join name_the_other_sources as others on others.preferred_id = figures.observation_id
    left join declared_breaks on declared_breaks.correction_id = figures.correction_id
),

final as (
    select
        ---------- address of the figure
        observation_id,

        ---------- key
        ref_area, counterpart_area, freq, indicator, sex, age,
        economic_activity, activity_revision, occupation, occupation_revision,
        citizenship, unit_measure, time_period,

        ---------- figure
        source_id, as_of, obs_value, obs_status, basis, note, snapshot_sha, raw_row, raw_column,

        ---------- why this one, and whether it continues the series
        basis_kind, n_alternatives, preferred_because,
        break_reason is not null as is_break,
        break_reason
    from word_the_reasons
    order by
        ref_area, counterpart_area, freq, indicator, sex, age, economic_activity, activity_revision,
        occupation, occupation_revision, citizenship, unit_measure, time_period, basis_kind
)

select * from final
