-- One row per country, economic activity, kind of basis and period, for each signal of a shortage that a source publishes itself.
-- The value as published: vacancy duration, jobseekers per vacancy, unemployment rate of an activity and the like, which the
-- rule sets name (data_contracts/rules). A country without such a figure by activity has no row, not even of the total.
-- Reference: reference/methods 1.2, 1.6 and 2.
with signals as (
    select * from marts.observations
    where indicator in (
            'UNE_RT', 'VACANCY_TIME', 'JOBSEEKERS_PER_VACANCY', 'EXIT_RATE', 'HOURS_GROWTH_1Y', 'UNDERQUAL_GROWTH_1Y',
            'SKILL_SHORTAGE_PER_VACANCY', 'SKILL_SHORTAGE_PER_HARD_TO_FILL', 'SKILL_SHORTAGE_PER_EMPLOYMENT', 'REAL_EARN_GROWTH_1Y',
            'REAL_EARN_GROWTH_3Y', 'EARN_PREMIUM', 'UNEMPLOYED_GROWTH_1Y', 'PAID_HOURS_GROWTH_3Y', 'NEW_IN_JOB_CHANGE_1Y',
            'VACANCY_DURATION_CHANGE_1Y', 'VACANCIES_PER_UNEMPLOYED'
        )
        and freq in ('A', 'Q') and sex = '_T' and age = '_T' and occupation = '_T' and citizenship = '_T' and counterpart_area = '_Z'
        and activity_revision in ('ISIC4', 'ETD12', '_Z') and list_contains($ref_areas, ref_area)
),
known_by_activity as (
    select distinct ref_area, indicator from signals where economic_activity <> '_T'
),
final as (
    select
        concat_ws(':', 'I', signals.indicator, signals.ref_area, '_Z', '_T', signals.economic_activity, signals.basis_kind,
            signals.time_period) as indicator_id,
        signals.indicator, signals.ref_area, '_Z' as counterpart_area, '_T' as sex, signals.economic_activity, signals.basis_kind,
        signals.time_period, signals.obs_value as value, signals.unit_measure, signals.basis, signals.obs_status,
        case when signals.obs_value is null then 'no figure for ' || signals.time_period end as reason,
        'as published' as step, [signals.observation_id] as inputs
    from signals
    inner join known_by_activity using (ref_area, indicator)
)
select * from final
